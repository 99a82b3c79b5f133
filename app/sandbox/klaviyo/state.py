"""The data of the emulated Klaviyo account: profiles, lists and import jobs."""

from __future__ import annotations

import random
import string
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.sandbox.klaviyo.values import IDENTITY, folded, now_text, patched

_LETTERS = string.ascii_letters + string.digits
_JOB_LIFE = 7 * 86_400


@dataclass(slots=True)
class Profile:
    """One person. ``consents`` holds ``{"consent", "at"}`` by channel (email, sms)."""

    id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=now_text)
    updated: str = field(default_factory=now_text)
    visible_at: float = 0.0  # monotonic: from then on, searches find the profile
    consents: dict[str, dict[str, str]] = field(default_factory=dict)
    further_emails: list[str] = field(default_factory=list)


@dataclass(slots=True)
class List:
    """One list. ``members`` holds profile ids, in the order in which they were added, and when; None if unknown."""

    id: str
    name: str
    created: str
    members: dict[str, str | None] = field(default_factory=dict)
    opt_in_process: str = "double_opt_in"
    updated: str = field(default_factory=now_text)
    visible_at: dict[str, float] = field(default_factory=dict)

    def add(self, profile_id: str, visible_at: float = 0.0) -> None:
        """Add a profile. A profile that is on the list keeps its time of joining."""
        if profile_id not in self.members:
            self.members[profile_id] = now_text()
            self.visible_at[profile_id] = visible_at

    def remove(self, profile_id: str) -> None:
        """Remove a profile, if it is on the list."""
        self.members.pop(profile_id, None)
        self.visible_at.pop(profile_id, None)


@dataclass(slots=True)
class Job:
    """One import job. It is carried out when the monotonic clock reaches ``due``."""

    id: str
    created: str
    due: float
    profiles: list[dict[str, Any]]
    lists: list[str]
    ignored: bool = False
    status: str = "queued"
    imported: list[str] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    completed: str | None = None
    expires: str = field(default_factory=lambda: now_text(_JOB_LIFE))


class Conflict(Exception):
    """The identifiers belong to another profile, or to two profiles."""

    def __init__(self, profile_id: str) -> None:
        super().__init__(profile_id)
        self.profile_id = profile_id


class Account:
    """One account. An import takes ``job_seconds``. Identifiers in ``refused`` fail in imports only.

    Searches and lists show what was written ``index_seconds`` later. With ``payloads`` off, import errors do not name
    the profile; with ``pointers`` off, the refusal of an import does not either.
    """

    def __init__(
        self, seed: int, job_seconds: float, refused: dict[str, str], counts: Counter[str]
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable ids, not secrets
        self.job_seconds = job_seconds
        self.index_seconds = 0.0
        self.payloads = True
        self.pointers = True
        self.refused = refused
        self.codes: dict[str, str] = {}  # of refusals, by their words; others are "invalid"
        self.counts = counts
        self.profiles: dict[str, Profile] = {}
        self.lists: dict[str, List] = {}
        self.jobs: dict[str, Job] = {}
        self._tasks: list[tuple[float, Callable[[], None]]] = []
        self._by: dict[str, dict[str, str]] = {name: {} for name in IDENTITY}

    def new_list(
        self, name: str, list_id: str | None = None, opt_in_process: str = "double_opt_in"
    ) -> List:
        """Create a list. Without ``list_id``, its id is generated."""
        made = List(list_id or self._id(6), name, now_text(), opt_in_process=opt_in_process)
        self.lists[made.id] = made
        return made

    def _id(self, length: int) -> str:
        return "".join(self._random.choices(_LETTERS, k=length))

    def find(self, name: str, value: str) -> Profile | None:
        """Return the profile with an identifier, or None. ``name`` is ``id`` or the name of an identifier."""
        if name == "id":
            return self.profiles.get(value)
        found = self._by[name].get(folded(name, value))
        return self.profiles[found] if found else None

    def owners(self, attributes: Mapping[str, Any]) -> list[str]:
        """Return the ids of the profiles that have one of the identifiers."""
        found = {
            self._by[name].get(folded(name, attributes[name])): None
            for name in IDENTITY
            if attributes.get(name)
        }
        return [one for one in found if one is not None]

    def upsert(
        self, attributes: Mapping[str, Any], *, profile_id: str | None = None, clears: bool = False
    ) -> tuple[Profile, bool]:
        """Create a profile, or update the profile that has one of the identifiers.

        With ``profile_id``, that profile is updated. With ``clears``, null clears a field; otherwise it is left out.
        Returns the profile and whether it was created. Raises Conflict if an identifier belongs to another profile.
        """
        found = self.owners(attributes)
        others = [one for one in found if one != profile_id]
        if len(others) > (0 if profile_id else 1):
            raise Conflict(others[0])
        known = profile_id or next(iter(found), None)
        profile = self.profiles[known] if known else self._new_profile()
        for name, value in attributes.items():
            if value is not None:
                self._write(profile, name, value)
            elif clears:
                self._clear(profile, name)
        profile.updated = now_text()
        return profile, known is None

    def _new_profile(self) -> Profile:
        made = Profile(f"01{self._id(24).upper()}", visible_at=self.visible_time())
        self.profiles[made.id] = made
        return made

    def visible_time(self) -> float:
        """Return when searches and lists show what is written now; 0 if they do at once."""
        return time.monotonic() + self.index_seconds if self.index_seconds else 0.0

    def _write(self, profile: Profile, name: str, value: Any) -> None:
        if name in IDENTITY:
            self._clear(profile, name)
            self._by[name][folded(name, value)] = profile.id
        if name in ("properties", "location"):
            profile.attributes.setdefault(name, {}).update(value)
        else:
            profile.attributes[name] = value

    def _clear(self, profile: Profile, name: str) -> None:
        old = profile.attributes.pop(name, None)
        if old and name in IDENTITY:
            self._by[name].pop(folded(name, old), None)

    def patch(self, profile: Profile, patch: Mapping[str, Any]) -> None:
        """Append to, remove from and unset properties: ``{"append", "unappend", "unset"}``."""
        profile.attributes["properties"] = patched(
            profile.attributes.get("properties") or {}, patch
        )

    def patch_emails(self, profile: Profile, patch: Mapping[str, Any]) -> None:
        """Add or remove further addresses of a profile: ``{"append": {"email": [address]}, "unappend"}``.

        Raises Conflict if another profile has one of the addresses.
        """
        known = self._by["email"]
        added = (patch.get("append") or {}).get("email") or []
        for one in added:
            owner = known.get(folded("email", one), profile.id)
            if owner != profile.id:
                raise Conflict(owner)
        for one in added:
            if folded("email", one) not in known:
                known[folded("email", one)] = profile.id
                profile.further_emails.append(folded("email", one))
        for one in (patch.get("unappend") or {}).get("email") or []:
            if folded("email", one) in profile.further_emails:
                profile.further_emails.remove(folded("email", one))
                known.pop(folded("email", one), None)

    def merge(self, kept_id: str, gone_id: str) -> None:
        """Merge the second profile into the first, ``job_seconds`` later. The first keeps its own values."""
        self._tasks.append(
            (time.monotonic() + self.job_seconds, lambda: self._merge(kept_id, gone_id))
        )

    def _merge(self, kept_id: str, gone_id: str) -> None:
        kept, gone = self.profiles.get(kept_id), self.profiles.pop(gone_id, None)
        if kept is None or gone is None:
            return
        for name in IDENTITY:
            if gone.attributes.get(name):
                self._by[name].pop(folded(name, gone.attributes[name]), None)
        for address in gone.further_emails:
            self._by["email"][address] = kept.id
        kept.further_emails += gone.further_emails
        for name, value in gone.attributes.items():
            if isinstance(value, dict):
                kept.attributes[name] = {**value, **(kept.attributes.get(name) or {})}
            elif not kept.attributes.get(name):
                self._write(kept, name, value)
        for one in self.lists.values():
            if gone_id in one.members:
                one.remove(gone_id)
                one.add(kept_id)

    def lists_of(self, profile_id: str) -> list[List]:
        """Return the lists that a profile is on."""
        return [one for one in self.lists.values() if profile_id in one.members]

    def shown_members(self, of: List) -> list[Profile]:
        """Return the profiles that a list shows, in the order in which they were added."""
        now = time.monotonic()
        return [
            self.profiles[one]
            for one in of.members
            if one in self.profiles and of.visible_at.get(one, 0.0) <= now
        ]

    def shown_profiles(self, profiles: Iterable[Profile]) -> list[Profile]:
        """Return the profiles that a search finds by now."""
        now = time.monotonic()
        return [one for one in profiles if one.visible_at <= now]

    def start_job(self, profiles: list[dict[str, Any]], lists: list[str], *, ignored: bool) -> Job:
        """Accept an import. With ``ignored``, it will write nothing."""
        due = time.monotonic() + self.job_seconds
        job = Job(f"job_{self._id(20)}", now_text(), due, profiles, lists, ignored)
        self.jobs[job.id] = job
        return job

    def advance(self) -> None:
        """Carry out the imports and merges that are due."""
        now = time.monotonic()
        for job in self.jobs.values():
            if job.status == "queued":
                job.status = "processing"
            if job.status == "processing" and job.due <= now:
                self._carry_out(job)
        due = [task for at, task in self._tasks if at <= now]
        self._tasks = [(at, task) for at, task in self._tasks if at > now]
        for task in due:
            task()

    def cancel_jobs(self) -> None:
        """Cancel the imports that are not complete."""
        for job in self.jobs.values():
            if job.status != "complete":
                job.status = "cancelled"

    def _carry_out(self, job: Job) -> None:
        for attributes in job.profiles:
            refusal = self._refusal(attributes)
            if refusal is not None:
                code = self.codes.get(refusal, "invalid")
                job.errors.append(self._import_error(job, code, refusal, attributes))
                continue
            try:
                profile, _ = (None, None) if job.ignored else self.upsert(attributes)
            except Conflict:
                detail = "another profile has one of these identifiers"
                job.errors.append(self._import_error(job, "duplicate_profile", detail, attributes))
                continue
            if profile is not None:
                job.imported.append(profile.id)
                for list_id in job.lists:
                    if list_id in self.lists:
                        self.lists[list_id].add(profile.id, self.visible_time())
        job.status, job.completed = "complete", now_text()

    def _refusal(self, attributes: Mapping[str, Any]) -> str | None:
        for name in IDENTITY:
            if attributes.get(name) in self.refused:
                return self.refused[attributes[name]]
        return None

    def _import_error(
        self, job: Job, code: str, detail: str, payload: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            "type": "import-error",
            "id": f"error-{len(job.errors)}",
            "attributes": {
                "code": code,
                "title": "The profile was not imported",
                "detail": detail,
                "source": {"pointer": "/data/attributes"},
                "original_payload": dict(payload) if self.payloads else None,
            },
        }
