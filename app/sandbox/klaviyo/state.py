"""The data of the emulated Klaviyo account: profiles, lists and import jobs."""

from __future__ import annotations

import random
import re
import string
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

IDENTITY = ("external_id", "email", "phone_number")
_EMAIL = re.compile(r"[^@\s,;<>()\"]+@[^@\s,;<>()\".]+(?:\.[^@\s,;<>()\".]+)+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_LETTERS = string.ascii_letters + string.digits


@dataclass(slots=True)
class Profile:
    """One person."""

    id: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class List:
    """One list. ``members`` holds profile ids in the order in which they were added."""

    id: str
    name: str
    created: str
    members: dict[str, None] = field(default_factory=dict)


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


class Conflict(Exception):
    """The identifiers belong to two profiles."""

    def __init__(self, profile_id: str) -> None:
        super().__init__(profile_id)
        self.profile_id = profile_id


class Account:
    """One account. An import takes ``job_seconds``. Identifiers in ``refused`` fail in imports only."""

    def __init__(
        self, seed: int, job_seconds: float, refused: dict[str, str], counts: Counter[str]
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable ids, not secrets
        self.job_seconds = job_seconds
        self.refused = refused
        self.counts = counts
        self.profiles: dict[str, Profile] = {}
        self.lists: dict[str, List] = {}
        self.jobs: dict[str, Job] = {}
        self._by: dict[str, dict[str, str]] = {name: {} for name in IDENTITY}

    def new_list(self, name: str, list_id: str | None = None) -> List:
        """Create a list. Without ``list_id``, its id is generated."""
        made = List(list_id or self._id(6), name, now_text())
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

    def upsert(self, attributes: Mapping[str, Any]) -> tuple[Profile, bool]:
        """Create a profile, or update the profile that has one of the identifiers.

        Returns the profile and whether it was created. Raises Conflict if the identifiers belong to two profiles.
        """
        owners = {
            self._by[name][folded(name, attributes[name])]: name
            for name in IDENTITY
            if attributes.get(name) and folded(name, attributes[name]) in self._by[name]
        }
        if len(owners) > 1:
            raise Conflict(next(iter(owners)))
        made = not owners
        profile = (
            self.profiles.setdefault(new_id := f"01{self._id(24).upper()}", Profile(new_id))
            if made
            else self.profiles[next(iter(owners))]
        )
        for name, value in attributes.items():
            if value is not None:
                self._write(profile, name, value)
        return profile, made

    def _write(self, profile: Profile, name: str, value: Any) -> None:
        if name in IDENTITY:
            old = profile.attributes.get(name)
            if old:
                self._by[name].pop(folded(name, old), None)
            self._by[name][folded(name, value)] = profile.id
        if name == "properties":
            profile.attributes.setdefault("properties", {}).update(value)
        else:
            profile.attributes[name] = value

    def start_job(self, profiles: list[dict[str, Any]], lists: list[str], *, ignored: bool) -> Job:
        """Accept an import. With ``ignored``, it will write nothing."""
        due = time.monotonic() + self.job_seconds
        job = Job(f"job_{self._id(20)}", now_text(), due, profiles, lists, ignored)
        self.jobs[job.id] = job
        return job

    def advance(self) -> None:
        """Carry out the imports that are due."""
        now = time.monotonic()
        for job in self.jobs.values():
            if job.status == "queued":
                job.status = "processing"
            if job.status == "processing" and job.due <= now:
                self._carry_out(job)

    def cancel_jobs(self) -> None:
        """Cancel the imports that are not complete."""
        for job in self.jobs.values():
            if job.status != "complete":
                job.status = "cancelled"

    def _carry_out(self, job: Job) -> None:
        for attributes in job.profiles:
            refusal = self._refusal(attributes)
            if refusal is not None:
                job.errors.append(_import_error(len(job.errors), "invalid", refusal, attributes))
                continue
            try:
                profile, _ = (None, None) if job.ignored else self.upsert(attributes)
            except Conflict:
                detail = "another profile has one of these identifiers"
                job.errors.append(
                    _import_error(len(job.errors), "duplicate_profile", detail, attributes)
                )
                continue
            if profile is not None:
                job.imported.append(profile.id)
                for list_id in job.lists:
                    if list_id in self.lists:
                        self.lists[list_id].members[profile.id] = None
        job.status = "complete"

    def _refusal(self, attributes: Mapping[str, Any]) -> str | None:
        for name in IDENTITY:
            if attributes.get(name) in self.refused:
                return self.refused[attributes[name]]
        return None


def _import_error(
    number: int, code: str, detail: str, payload: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "type": "import-error",
        "id": f"error-{number}",
        "attributes": {
            "code": code,
            "title": "The profile was not imported",
            "detail": detail,
            "source": {"pointer": "/data/attributes"},
            "original_payload": dict(payload),
        },
    }


def faults_of(attributes: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Yield the faults of a profile that Klaviyo reports before it imports anything: (field, code, detail)."""
    if not any(attributes.get(name) for name in IDENTITY):
        yield "", "invalid", "One of email, phone_number, external_id is required"
    email = attributes.get("email")
    if email is not None and not (isinstance(email, str) and _EMAIL.fullmatch(email)):
        yield "/email", "invalid", "Invalid email address"
    phone = attributes.get("phone_number")
    if phone is not None and not (isinstance(phone, str) and _PHONE.fullmatch(phone)):
        yield (
            "/phone_number",
            "invalid",
            "Invalid phone number format (Example of a valid format: +12345678901)",
        )
    if len(attributes.get("external_id") or "") > 255:
        yield "/external_id", "invalid", "external_id has at most 255 characters"


def folded(name: str, value: str) -> str:
    """Return an identifier in the form in which Klaviyo compares it."""
    return value.lower() if name == "email" else value


def now_text() -> str:
    """Return the current time in Klaviyo's format."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
