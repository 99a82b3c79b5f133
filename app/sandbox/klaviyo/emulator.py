"""The emulated Klaviyo account: keys, scopes, rate limits, and a check of each request against the official document."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from app.sandbox.klaviyo.filters import FilterError
from app.sandbox.klaviyo.operations import OPERATIONS
from app.sandbox.klaviyo.resources import lists_as
from app.sandbox.klaviyo.responses import error, json_body, schema_faults
from app.sandbox.klaviyo.state import Account
from app.sandbox.schema import Document, Operation
from app.sandbox.server import Request, Response, json_response
from app.sandbox.tally import Tally
from app.sandbox.windows import Window, take

DEFAULT_KEY = "pk_sandbox"
ALL_SCOPES = ("lists:read", "lists:write", "profiles:read", "profiles:write")
_SCHEMAS = Path(__file__).parents[1] / "schemas"
# Klaviyo supports a revision for two years; this is two years before the revision of the document.
RETIRED_BEFORE = "2024-07-15"
_RETIRED = "This API has been retired and is no longer in service."
_FEWER = {
    "profile_count": {"burst": "1/s", "steady": "15/m"},
    "predictive_analytics": {"burst": "10/s", "steady": "150/m"},
}
_SECONDS = {"s": 1, "m": 60, "d": 86_400}
_MEDIA_TYPES = ("application/vnd.api+json", "application/json")
_KEY_PREFIX = "Klaviyo-API-Key "


class KlaviyoEmulator:
    """One Klaviyo account. Counts requests that break the schema, and calls beyond the rate limits."""

    name = "klaviyo"
    title = "Klaviyo"
    lists_title = "Lists"
    settings_hint = f"api_key {DEFAULT_KEY}, and this URL as base_url"

    def __init__(self, *, seed: int = 0, job_seconds: float = 0.3, limits: bool = True) -> None:
        self._document = Document(_SCHEMAS / "klaviyo.json", _SCHEMAS / "klaviyo_further.json")
        self._seed = seed
        self._job_seconds = job_seconds
        self.limits = limits
        self.keys: dict[str, tuple[str, ...]] = {DEFAULT_KEY: ALL_SCOPES}
        self.limit_share = 1.0  # fraction of the documented limits
        self.retired_before = RETIRED_BEFORE
        self.refused: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        """Delete all lists, profiles and jobs, and reset the counters."""
        self._tally = Tally()
        self.account = Account(self._seed, self._job_seconds, self.refused, self._tally.counts)
        self._windows: dict[str, list[Window]] = {}

    @property
    def violations(self) -> list[dict[str, str]]:
        """The first requests that broke the document: ``{"request", "fault"}`` each."""
        return self._tally.violations

    def handle(self, request: Request) -> Response:
        """Respond to one request."""
        self._tally.counts["calls"] += 1
        if request.path.startswith(("/api/v1/", "/api/v2/")):
            self._violation(request, "the path belongs to a retired API")
            return json_response(410, {"message": _RETIRED})
        operation, path, known = self._document.find(request.method, request.path)
        refused = self._refused(request)
        if refused is not None:
            return refused
        if operation is None:
            status, code = (405, "method_not_allowed") if known else (404, "not_found")
            self._violation(request, "the document has no such operation")
            return error(status, code, "No such operation")
        self._tally.counts[operation.operation_id] += 1
        windows = self._windows_of(request, operation)
        early = self._missing_scopes(request, operation) or self._throttled(windows)
        if early is None:
            early = self._checked(operation, request, path)
        if early.status != 429:
            early.headers.update(_limit_headers(windows))
        return early

    def _checked(self, operation: Operation, request: Request, path: dict[str, str]) -> Response:
        body = json_body(request)
        faults = operation.faults(request.query, body, has_body=bool(request.body))
        if faults:
            for fault in faults:
                self._violation(request, f"{fault.where} {fault.message}")
            return schema_faults(faults)
        return self._carry_out(operation, request, body, path)

    def _carry_out(
        self, operation: Operation, request: Request, body: Any, path: dict[str, str]
    ) -> Response:
        self.account.advance()
        handler = OPERATIONS.get(operation.operation_id)
        if handler is None:
            return error(501, "not_emulated", "The sandbox does not emulate this operation")
        try:
            response: Response = handler(self.account, request, body, **path)
        except FilterError as fault:
            return error(400, "invalid", str(fault), parameter="filter")
        return response

    def _refused(self, request: Request) -> Response | None:
        given = request.headers.get("authorization", "")
        if not given.startswith(_KEY_PREFIX):
            return error(401, "not_authenticated", "Authentication credentials were not provided.")
        if given.removeprefix(_KEY_PREFIX) not in self.keys:
            return error(401, "authentication_failed", "Incorrect authentication credentials.")
        refused = self._refused_revision(request)
        if refused is not None:
            return refused
        kind = request.headers.get("content-type", "").split(";")[0]
        if request.body and kind not in _MEDIA_TYPES:
            self._violation(request, f"content-type {kind}")
            return error(415, "unsupported_media_type", "Unsupported media type")
        return None

    def _refused_revision(self, request: Request) -> Response | None:
        revision = request.headers.get("revision", "")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.\w+)?", revision):
            self._violation(request, "the revision header is missing or malformed")
            return error(400, "invalid", "The revision header is required")
        if revision < self.retired_before:
            self._violation(request, f"the revision {revision} is retired")
            return error(410, "gone", f"The revision {revision} has been retired.")
        return None

    def _missing_scopes(self, request: Request, operation: Operation) -> Response | None:
        granted = self.keys[request.headers["authorization"].removeprefix(_KEY_PREFIX)]
        missing = [scope for scope in operation.scopes if scope not in granted]
        if not missing:
            return None
        return error(403, "permission_denied", f"The key lacks the scope {', '.join(missing)}")

    def _throttled(self, windows: list[Window]) -> Response | None:
        if not self.limits:
            return None
        full = take(windows)
        if full is None:
            return None
        self._tally.counts["throttled"] += 1
        wait = max(1, int(full.reset + 0.999))
        detail = f"Request was throttled. Expected available in {wait} second{'s' * (wait > 1)}."
        response = error(429, "throttled", detail)
        response.headers["retry-after"] = str(wait)
        return response

    def _windows_of(self, request: Request, operation: Operation) -> list[Window]:
        """Return the windows of an operation. Some additional fields have windows of their own, with lower limits."""
        name, limits = operation.operation_id, operation.limits
        for parameter in ("additional-fields[list]", "additional-fields[profile]"):
            for one in (request.parameter(parameter) or "").split(","):
                if one in _FEWER:
                    name, limits = f"{operation.operation_id} {one}", _FEWER[one]
        if name not in self._windows:
            self._windows[name] = [
                Window(max(1, int(int(number) * self.limit_share)), _SECONDS[unit])
                for number, unit in (text.split("/") for text in limits.values())
            ]
        return self._windows[name]

    def _violation(self, request: Request, fault: str) -> None:
        self._tally.add_violation({"request": f"{request.method} {request.url}", "fault": fault})

    # Operations of the control API

    def lists(self) -> list[dict[str, Any]]:
        """Return ``[{"id", "name", "members"}]`` for the lists of the account; ``members`` is a number."""
        self.account.advance()
        return [
            {"id": one.id, "name": one.name, "members": len(one.members)}
            for one in self.account.lists.values()
        ]

    def members(self, list_id: str) -> list[dict[str, Any]] | None:
        """Return ``[{"id", attribute: value}]`` for a list's profiles, by the list's id or name."""
        self.account.advance()
        lists = self.account.lists
        found = lists.get(list_id) or next(
            (one for one in lists.values() if one.name == list_id), None
        )
        if found is None:
            return None
        return [
            {"id": one, **self.account.profiles[one].attributes}
            for one in found.members
            if one in self.account.profiles
        ]

    def stats(self) -> dict[str, Any]:
        """Return ``{counter: number, "violationsSeen": [violation]}``."""
        return self._tally.stats("calls", "violations", "throttled")

    def control(self, method: str, path: list[str], request: Request) -> Response | None:
        """Change the account.

        ``keys`` {key, scopes}, ``revocations`` {key}, ``lists`` {name, id}, ``rejections`` {ids, reason}, ``settings``
        {limits, limitShare, jobSeconds, indexSeconds, payloads, pointers, retiredBefore}, ``jobs/cancel``, ``jobs/forget``. Returns None for another operation.
        """
        if method not in ("POST", "PUT"):
            return None
        given = request.json()
        match path:
            case ["keys"]:
                self.keys[given["key"]] = tuple(given.get("scopes", ALL_SCOPES))
            case ["revocations"]:
                self.keys.pop(given["key"], None)
            case ["lists"]:
                return json_response(
                    201,
                    lists_as(request)(self.account.new_list(given["name"], given.get("id"))),
                )
            case ["rejections"]:
                reason = given.get("reason", "not wanted here")
                self.refused.clear()
                self.refused.update(dict.fromkeys(given["ids"], reason))
                self.account.codes = {reason: given.get("code", "invalid")}
            case ["settings"]:
                self._change_settings(given)
            case ["jobs", "cancel"]:
                self.account.cancel_jobs()
            case ["jobs", "forget"]:
                self.account.jobs.clear()
            case _:
                return None
        return json_response(200, {"ok": True})

    def _change_settings(self, given: dict[str, Any]) -> None:
        self.limits = bool(given.get("limits", self.limits))
        if "limitShare" in given:
            self.limit_share = float(given["limitShare"])
            self._windows.clear()
        self._job_seconds = float(given.get("jobSeconds", self._job_seconds))
        self.account.job_seconds = self._job_seconds
        self.account.index_seconds = float(given.get("indexSeconds", self.account.index_seconds))
        self.account.payloads = bool(given.get("payloads", self.account.payloads))
        self.account.pointers = bool(given.get("pointers", self.account.pointers))
        self.retired_before = str(given.get("retiredBefore", self.retired_before))


def _limit_headers(windows: list[Window]) -> dict[str, str]:
    minute = next((w for w in windows if w.seconds == 60), None)
    if minute is None:
        return {}
    return {
        "ratelimit-limit": str(minute.limit),
        "ratelimit-remaining": str(minute.remaining),
        "ratelimit-reset": str(int(minute.reset)),
    }
