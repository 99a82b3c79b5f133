"""Klaviyo's list and profile API: every request is checked against the official document before it is answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.sandbox.klaviyo_answers import (
    data,
    error,
    errors,
    filter_of,
    job_resource,
    json_body,
    list_resource,
    no_job,
    no_list,
    page,
    schema_faults,
)
from app.sandbox.klaviyo_state import IDENTITY, Account, Conflict, List, Profile, faults_of
from app.sandbox.schema import Document, Operation
from app.sandbox.server import Answer, Request, json_answer
from app.sandbox.windows import Window, take

DEFAULT_KEY = "pk_sandbox"
ALL_SCOPES = ("lists:read", "lists:write", "profiles:read", "profiles:write")
IMPORT_ROWS = 10_000
IMPORT_BYTES = 5_000_000
PROFILE_BYTES = 100_000
MEMBER_ROWS = 1_000
_SECONDS = {"s": 1, "m": 60, "d": 86_400}
_MEDIA_TYPES = ("application/vnd.api+json", "application/json")


class KlaviyoEmulator:
    """One account of Klaviyo. Counts what breaks the schema, and calls beyond the limits."""

    name = "klaviyo"

    def __init__(self, *, seed: int = 0, job_seconds: float = 0.3, limits: bool = True) -> None:
        self._document = Document(Path(__file__).with_name("schemas") / "klaviyo.json")
        self._seed = seed
        self._job_seconds = job_seconds
        self.limits = limits
        self.keys: dict[str, tuple[str, ...]] = {DEFAULT_KEY: ALL_SCOPES}
        self.limit_share = 1.0  # of the documented limits
        self.refused: dict[str, str] = {}
        self._operations: dict[str, Callable[..., Answer]] = {
            "get_lists": self._get_lists,
            "create_list": self._create_list,
            "get_list": self._get_list,
            "delete_list": self._delete_list,
            "get_profiles_for_list": self._get_members,
            "get_profile_ids_for_list": self._get_member_ids,
            "add_profiles_to_list": self._add_members,
            "remove_profiles_from_list": self._remove_members,
            "get_profiles": self._get_profiles,
            "create_or_update_profile": self._import_profile,
            "bulk_import_profiles": self._import,
            "get_bulk_import_profiles_job": self._get_job,
            "get_errors_for_bulk_import_profiles_job": self._get_job_errors,
            "get_profiles_for_bulk_import_profiles_job": self._get_job_profiles,
            "get_profile_ids_for_bulk_import_profiles_job": self._get_job_profile_ids,
            "get_accounts": self._get_accounts,
        }
        self.reset()

    def reset(self) -> None:
        """Forget what was written, and the counters."""
        self.account = Account(self._seed, self._job_seconds, self.refused)
        self._windows: dict[str, list[Window]] = {}
        self._counts: Counter[str] = Counter()
        self.violations: list[dict[str, str]] = []

    # Serving

    def handle(self, request: Request) -> Answer:
        """Answer one call."""
        self._counts["calls"] += 1
        operation, path, known = self._document.find(request.method, request.path)
        refused = self._refused(request)
        if refused is not None:
            return refused
        if operation is None:
            status, code = (405, "method_not_allowed") if known else (404, "not_found")
            self._violation(request, "the document has no such operation")
            return error(status, code, "No such operation")
        self._counts[operation.operation_id] += 1
        early = self._scopes(request, operation) or self._limit(operation)
        if early is not None:
            return early
        body = json_body(request)
        faults = operation.faults(request.query, body, has_body=bool(request.body))
        if faults:
            for fault in faults:
                self._violation(request, f"{fault.where} {fault.message}")
            return schema_faults(faults)
        self.account.advance()
        handler = self._operations.get(operation.operation_id)
        if handler is None:
            return error(501, "not_emulated", "The sandbox does not emulate this operation")
        answer = handler(request, body, **path)
        answer.headers.update(self._limit_headers(operation))
        return answer

    def _refused(self, request: Request) -> Answer | None:
        given = request.headers.get("authorization", "")
        if not given.startswith("Klaviyo-API-Key "):
            return error(401, "not_authenticated", "Authentication credentials were not provided.")
        if given.removeprefix("Klaviyo-API-Key ") not in self.keys:
            return error(401, "authentication_failed", "Incorrect authentication credentials.")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.\w+)?", request.headers.get("revision", "")):
            self._violation(request, "the revision header is missing or malformed")
            return error(400, "invalid", "The revision header is required")
        kind = request.headers.get("content-type", "").split(";")[0]
        if request.body and kind not in _MEDIA_TYPES:
            self._violation(request, f"content-type {kind}")
            return error(415, "unsupported_media_type", "Unsupported media type")
        return None

    def _scopes(self, request: Request, operation: Operation) -> Answer | None:
        held = self.keys[request.headers["authorization"].removeprefix("Klaviyo-API-Key ")]
        missing = [scope for scope in operation.scopes if scope not in held]
        if not missing:
            return None
        return error(403, "permission_denied", f"The key lacks the scope {', '.join(missing)}")

    def _limit(self, operation: Operation) -> Answer | None:
        if not self.limits:
            return None
        full = take(self._windows_of(operation))
        if full is None:
            return None
        self._counts["throttled"] += 1
        wait = max(1, int(full.reset + 0.999))
        detail = f"Request was throttled. Expected available in {wait} second{'s' * (wait > 1)}."
        answer = error(429, "throttled", detail)
        answer.headers["retry-after"] = str(wait)
        return answer

    def _windows_of(self, operation: Operation) -> list[Window]:
        if operation.operation_id not in self._windows:
            self._windows[operation.operation_id] = [
                Window(max(1, int(int(number) * self.limit_share)), _SECONDS[unit])
                for number, unit in (text.split("/") for text in operation.limits.values())
            ]
        return self._windows[operation.operation_id]

    def _limit_headers(self, operation: Operation) -> dict[str, str]:
        minute = next((w for w in self._windows_of(operation) if w.seconds == 60), None)
        if minute is None:
            return {}
        return {
            "ratelimit-limit": str(minute.limit),
            "ratelimit-remaining": str(minute.remaining),
            "ratelimit-reset": str(int(minute.reset)),
        }

    def _violation(self, request: Request, words: str) -> None:
        self._counts["violations"] += 1
        if len(self.violations) < 1000:
            self.violations.append({"request": f"{request.method} {request.url}", "fault": words})

    # Lists

    def _get_lists(self, request: Request, body: Any) -> Answer:
        found = sorted(self.account.lists.values(), key=lambda one: one.name)
        wanted = request.parameter("filter")
        if wanted:
            field, values = filter_of(wanted)
            found = [one for one in found if getattr(one, field, None) in values]
        return page(request, [list_resource(one) for one in found], 10)

    def _create_list(self, request: Request, body: Any) -> Answer:
        name = body["data"]["attributes"]["name"]
        if request.ignore:
            return data(201, list_resource(List("IGNORE", name, "")))
        return data(201, list_resource(self.account.new_list(name)))

    def _get_list(self, request: Request, body: Any, id: str) -> Answer:
        found = self.account.lists.get(id)
        return data(200, list_resource(found)) if found else no_list(id)

    def _delete_list(self, request: Request, body: Any, id: str) -> Answer:
        return Answer(204) if self.account.lists.pop(id, None) else no_list(id)

    def _get_members(self, request: Request, body: Any, id: str) -> Answer:
        found = self.account.lists.get(id)
        if found is None:
            return no_list(id)
        people = [self.account.profiles[one] for one in found.members]
        return page(request, [self._profile(request, one) for one in people], 20)

    def _get_member_ids(self, request: Request, body: Any, id: str) -> Answer:
        found = self.account.lists.get(id)
        if found is None:
            return no_list(id)
        return page(request, [{"type": "profile", "id": one} for one in found.members], 20)

    def _add_members(self, request: Request, body: Any, id: str) -> Answer:
        return self._change_members(request, body, id, add=True)

    def _remove_members(self, request: Request, body: Any, id: str) -> Answer:
        return self._change_members(request, body, id, add=False)

    def _change_members(self, request: Request, body: Any, list_id: str, *, add: bool) -> Answer:
        found = self.account.lists.get(list_id)
        if found is None:
            return no_list(list_id)
        ids = [entry["id"] for entry in body["data"]]
        if len(ids) > MEMBER_ROWS:
            return error(400, "invalid", "At most 1000 profiles can be given", "/data")
        unknown = [number for number, one in enumerate(ids) if one not in self.account.profiles]
        if unknown and add:
            words = "A profile with this id does not exist"
            return errors(404, [("not_found", words, f"/data/{number}/id") for number in unknown])
        for one in () if request.ignore else ids:
            if add:
                found.members[one] = None
            else:
                found.members.pop(one, None)
        return Answer(204)

    # Profiles

    def _get_profiles(self, request: Request, body: Any) -> Answer:
        wanted = request.parameter("filter")
        if not wanted:
            return page(
                request, [self._profile(request, one) for one in self.account.profiles.values()], 20
            )
        field, values = filter_of(wanted)
        if field not in ("id", *IDENTITY):
            return error(400, "invalid", f"{field} can not be filtered by", parameter="filter")
        if len(values) > 100:
            return error(400, "invalid", "At most 100 values", parameter="filter")
        found = {p.id: p for value in values if (p := self.account.find(field, value)) is not None}
        return page(request, [self._profile(request, one) for one in found.values()], 20)

    def _import_profile(self, request: Request, body: Any) -> Answer:
        attributes = body["data"]["attributes"]
        faults = list(faults_of(attributes))
        if faults:
            return errors(
                400, [(code, words, f"/data/attributes{field}") for field, code, words in faults]
            )
        if request.ignore:
            return data(201, {"type": "profile", "id": "01IGNORED", "attributes": attributes})
        try:
            profile, made = self.account.upsert(attributes)
        except Conflict as conflict:
            meta = {"duplicate_profile_id": conflict.profile_id}
            return error(
                409,
                "duplicate_profile",
                "A profile already exists with one of these identifiers.",
                meta=meta,
            )
        return data(201 if made else 200, self._profile(request, profile))

    def _profile(self, request: Request, profile: Profile) -> dict[str, Any]:
        fields = request.parameter("fields[profile]")
        names = fields.split(",") if fields else list(profile.attributes)
        attributes = {name: profile.attributes.get(name) for name in names}
        email = attributes.get("email")
        if request.reformat and email:
            attributes["email"] = str(email).title()
        return {"type": "profile", "id": profile.id, "attributes": attributes}

    # Imports

    def _import(self, request: Request, body: Any) -> Answer:
        if len(request.body) > IMPORT_BYTES:
            return error(413, "payload_too_large", "The request is larger than 5 MB")
        given = body["data"]
        profiles = given["attributes"]["profiles"]["data"]
        if not 0 < len(profiles) <= IMPORT_ROWS:
            pointer = "/data/attributes/profiles/data"
            return error(400, "invalid", "Between 1 and 10000 profiles are taken", pointer)
        lists = given.get("relationships", {}).get("lists", {}).get("data", [])
        for number, entry in enumerate(lists):
            if entry["id"] not in self.account.lists:
                pointer = f"/data/relationships/lists/data/{number}/id"
                return error(
                    404, "not_found", f"A list with id {entry['id']} does not exist.", pointer
                )
        faults = [
            (code, words, f"/data/attributes/profiles/data/{number}/attributes{field}")
            for number, entry in enumerate(profiles)
            for field, code, words in faults_of(entry["attributes"])
        ]
        if faults:
            return errors(400, faults)
        attributes = [entry["attributes"] for entry in profiles]
        job = self.account.start_job(
            attributes, [one["id"] for one in lists], ignored=request.ignore
        )
        self._counts["imported_rows"] += len(attributes)
        return data(202, job_resource(job))

    def _get_job(self, request: Request, body: Any, job_id: str) -> Answer:
        job = self.account.jobs.get(job_id)
        return data(200, job_resource(job)) if job else no_job(job_id)

    def _get_job_errors(self, request: Request, body: Any, id: str) -> Answer:
        job = self.account.jobs.get(id)
        return page(request, job.errors, 20) if job else no_job(id)

    def _get_job_profiles(self, request: Request, body: Any, id: str) -> Answer:
        job = self.account.jobs.get(id)
        if job is None:
            return no_job(id)
        people = [self.account.profiles[one] for one in job.imported]
        return page(request, [self._profile(request, one) for one in people], 20)

    def _get_job_profile_ids(self, request: Request, body: Any, id: str) -> Answer:
        job = self.account.jobs.get(id)
        if job is None:
            return no_job(id)
        return page(request, [{"type": "profile", "id": one} for one in job.imported], 20)

    def _get_accounts(self, request: Request, body: Any) -> Answer:
        return page(request, [{"type": "account", "id": "SANDBX", "attributes": {}}], 1)

    # For the sandbox

    def lists(self) -> list[dict[str, Any]]:
        """The lists of the account."""
        self.account.advance()
        return [
            {"id": one.id, "name": one.name, "members": len(one.members)}
            for one in self.account.lists.values()
        ]

    def members(self, list_id: str) -> list[dict[str, Any]] | None:
        """Who is on a list (its id or name)."""
        self.account.advance()
        lists = self.account.lists
        found = lists.get(list_id) or next(
            (one for one in lists.values() if one.name == list_id), None
        )
        if found is None:
            return None
        return [{"id": one, **self.account.profiles[one].attributes} for one in found.members]

    def stats(self) -> dict[str, Any]:
        """Counters, and the first violations."""
        known = ("calls", "violations", "throttled")
        return {
            **{name: self._counts[name] for name in known},
            **dict(sorted(self._counts.items())),
            "violationsSeen": self.violations[:20],
        }

    def control(self, method: str, path: list[str], request: Request) -> Answer | None:
        """``keys`` {key, scopes}, ``lists`` {name, id}, ``rejections`` {ids, reason}, ``settings``."""
        if method not in ("POST", "PUT"):
            return None
        given = request.json()
        match path:
            case ["keys"]:
                self.keys[given["key"]] = tuple(given.get("scopes", ALL_SCOPES))
            case ["revocations"]:
                self.keys.pop(given["key"], None)
            case ["lists"]:
                return json_answer(
                    201, list_resource(self.account.new_list(given["name"], given.get("id")))
                )
            case ["rejections"]:
                reason = given.get("reason", "not wanted here")
                self.refused.clear()
                self.refused.update(dict.fromkeys(given["ids"], reason))
            case ["settings"]:
                self.limits = bool(given.get("limits", self.limits))
                if "limitShare" in given:
                    self.limit_share = float(given["limitShare"])
                    self._windows.clear()
                self._job_seconds = float(given.get("jobSeconds", self._job_seconds))
                self.account.job_seconds = self._job_seconds
            case ["jobs", "cancel"]:
                for job in self.account.jobs.values():
                    if job.status != "complete":
                        job.status = "cancelled"
            case ["jobs", "forget"]:
                self.account.jobs.clear()
            case _:
                return None
        return json_answer(200, {"ok": True})
