"""Talon.One's integration and management APIs: audiences, memberships, profiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson

from app.sandbox.server import Answer, Request, json_answer
from app.sandbox.windows import Window, take

DEFAULT_KEY = "talon-sandbox-key"
DEFAULT_MANAGEMENT_KEY = "talon-sandbox-management-key"
CALL_ROWS = 1_000
ID_LENGTH = 1_000


@dataclass(slots=True)
class Audience:
    """One audience; members by integration id in the order of their arrival."""

    id: int
    name: str
    integration_id: str
    members: dict[str, None] = field(default_factory=dict)


class TalonOneEmulator:
    """One deployment."""

    name = "talon_one"

    def __init__(self, *, limits: bool = True) -> None:
        self.limits = limits
        self.pointers = True  # whether a refusal names the rows at fault
        self.keys = {DEFAULT_KEY}
        self.management_keys = {DEFAULT_MANAGEMENT_KEY}
        self.refused: dict[str, str] = {}
        self.known_attributes: set[str] | None = None  # None: all
        self.reset()

    def reset(self) -> None:
        """Forget audiences, profiles and counters."""
        self.audiences: dict[int, Audience] = {}
        self.profiles: dict[str, dict[str, Any]] = {}
        self._counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self._window = Window(3, 1)

    def new_audience(
        self, name: str, integration_id: str, audience_id: int | None = None
    ) -> Audience:
        """Make an audience."""
        number = audience_id or max(self.audiences, default=0) + 1
        self.audiences[number] = Audience(number, name, integration_id)
        return self.audiences[number]

    def handle(self, request: Request) -> Answer:
        """Answer one call."""
        self._counts["calls"] += 1
        path = [unquote(part) for part in request.raw_path.split("/") if part]
        surface = path[0] if path else ""
        refused = self._refused(request, surface)
        if refused is not None:
            return refused
        handler = self._handler(request.method, path)
        if handler is None:
            self._violation(f"no such operation: {request.method} {request.path}")
            return _error(404, "no such operation")
        try:
            body = orjson.loads(request.body) if request.body else {}
        except orjson.JSONDecodeError:
            return _error(400, "the body is not JSON", [("invalid JSON", {"pointer": "/"})])
        return handler(request, body)

    def _handler(self, method: str, path: list[str]) -> Callable[[Request, Any], Answer] | None:
        match (method, *path):
            case ("GET", "v2", "authping"):
                return lambda request, body: Answer(204)
            case ("POST", "v2", "audiences"):
                return self._create
            case ("PUT", "v2", "audiences", number) if number.isdecimal():
                return lambda request, body: self._rename(int(number), body)
            case ("DELETE", "v2", "audiences", number) if number.isdecimal():
                return lambda request, body: self._delete(int(number))
            case ("POST", "v2", "customer_audiences"):
                return self._change
            case ("PUT", "v2", "customer_profiles", profile_id):
                return lambda request, body: self._profile(profile_id, request, body)
            case ("GET", "v1", "audiences"):
                return self._list
            case ("GET", "v1", "audiences", number, "memberships") if number.isdecimal():
                return lambda request, body: self._memberships(int(number), request)
            case _:
                return None

    def _refused(self, request: Request, surface: str) -> Answer | None:
        given = request.headers.get("authorization", "")
        if surface == "v1":
            if given.removeprefix("ManagementKey-v1 ") not in self.management_keys or not given.startswith("ManagementKey-v1 "):  # fmt: skip
                return _error(401, "invalid management key")
            if self.limits and take([self._window]) is not None:
                self._counts["throttled"] += 1
                answer = _error(429, "too many requests")
                answer.headers["retry-after"] = "1"
                return answer
        elif (
            not given.startswith("ApiKey-v1 ") or given.removeprefix("ApiKey-v1 ") not in self.keys
        ):
            return _error(401, "invalid API key")
        return None

    # Audiences

    def _create(self, request: Request, body: Any) -> Answer:
        name, reference = body.get("name"), body.get("integrationId")
        if not name or not isinstance(name, str):
            return _error(400, "validation failed", [("name is required", {"pointer": "/name"})])
        if reference is not None and not 0 < len(reference) <= ID_LENGTH:
            return _error(
                400,
                "validation failed",
                [("integrationId is too long", {"pointer": "/integrationId"})],
            )
        if any(one.integration_id == reference for one in self.audiences.values()):
            return _error(409, "an audience with this integrationId exists")
        return json_answer(201, _audience(self.new_audience(name, reference or "")))

    def _rename(self, number: int, body: Any) -> Answer:
        found = self.audiences.get(number)
        if found is None:
            return _error(404, "audience not found")
        found.name = body.get("name") or found.name
        return json_answer(200, _audience(found))

    def _delete(self, number: int) -> Answer:
        return (
            Answer(204) if self.audiences.pop(number, None) else _error(404, "audience not found")
        )

    def _list(self, request: Request, body: Any) -> Answer:
        return _page(request, [_audience(one) for one in self.audiences.values()])

    def _memberships(self, number: int, request: Request) -> Answer:
        found = self.audiences.get(number)
        if found is None:
            return _error(404, "audience not found")
        ids = [int(one) if request.reformat and _is_number(one) else one for one in found.members]
        return _page(request, [{"integrationId": one} for one in ids])

    # Memberships

    def _change(self, request: Request, body: Any) -> Answer:
        data = body.get("data")
        if not isinstance(data, list) or not data:
            return _error(400, "validation failed", [("data is required", {"pointer": "/data"})])
        if len(data) > CALL_ROWS:
            self._violation(f"{len(data)} actions in one call")
            return _error(
                400, "validation failed", [("at most 1000 actions", {"pointer": "/data"})]
            )
        faults = [
            (words, {"pointer": f"/data/{number}/{where}"})
            for number, row in enumerate(data)
            for where, words in self._faults(row)
        ]
        if faults:
            named = faults if self.pointers else [("some rows are not valid", {"resource": "data"})]
            return _error(400, "validation failed", named)
        if any(row["audienceId"] not in self.audiences for row in data):
            return _error(404, "audience not found")
        for row in () if request.ignore else data:
            self._apply(row["action"], row["audienceId"], row["profileIntegrationId"])
        self._counts["actions"] += len(data)
        return Answer(204)

    def _faults(self, row: Any) -> list[tuple[str, str]]:
        if not isinstance(row, dict):
            return [("", "must be an object")]
        faults = []
        if set(row) != {"action", "profileIntegrationId", "audienceId"}:
            self._violation(f"keys of an action: {sorted(row)}")
            faults.append(("", "unknown or missing keys"))
        if row.get("action") not in ("add", "delete"):
            self._violation(f"action {row.get('action')}")
            faults.append(("action", "must be add or delete"))
        profile_id = row.get("profileIntegrationId")
        if not isinstance(profile_id, str) or not 0 < len(profile_id) <= ID_LENGTH:
            faults.append(("profileIntegrationId", "must have 1 to 1000 characters"))
        elif profile_id in self.refused:
            faults.append(("profileIntegrationId", self.refused[profile_id]))
        if not isinstance(row.get("audienceId"), int):
            faults.append(("audienceId", "must be an integer"))
        return faults

    def _apply(self, action: str, audience: int, profile_id: str) -> None:
        self.profiles.setdefault(profile_id, {})
        if action == "add":
            self.audiences[audience].members[profile_id] = None
        else:
            self.audiences[audience].members.pop(profile_id, None)

    def _profile(self, profile_id: str, request: Request, body: Any) -> Answer:
        changes = body.get("audiencesChanges") or {}
        if body.get("audiencesChanges") is not None and not {"adds", "deletes"} <= set(changes):
            self._violation("audiencesChanges needs adds and deletes")
            return _error(
                400,
                "validation failed",
                [("adds and deletes are required", {"pointer": "/audiencesChanges"})],
            )
        attributes = body.get("attributes") or {}
        unknown = set(attributes) - (self.known_attributes or set(attributes))
        if unknown and request.parameter("skipNonExistingAttributes") != "true":
            name = sorted(unknown)[0]
            return _error(
                400,
                "validation failed",
                [(f"attribute {name} does not exist", {"pointer": f"/attributes/{name}"})],
            )
        if profile_id in self.refused:
            return _error(
                400,
                "validation failed",
                [(self.refused[profile_id], {"pointer": "/integrationId"})],
            )
        if any(
            one not in self.audiences
            for one in (*changes.get("adds", ()), *changes.get("deletes", ()))
        ):
            return _error(404, "audience not found")
        if not request.ignore:
            self.profiles.setdefault(profile_id, {}).update(attributes)
            for action, name in (("add", "adds"), ("delete", "deletes")):
                for one in changes.get(name, ()):
                    self._apply(action, one, profile_id)
        return json_answer(200, {"customerProfile": {"integrationId": profile_id}})

    def _violation(self, words: str) -> None:
        self._counts["violations"] += 1
        if len(self.violations) < 1000:
            self.violations.append(words)

    # For the sandbox

    def lists(self) -> list[dict[str, Any]]:
        """The audiences."""
        return [
            {
                "id": str(one.id),
                "name": one.name,
                "integrationId": one.integration_id,
                "members": len(one.members),
            }
            for one in self.audiences.values()
        ]

    def members(self, list_id: str) -> list[dict[str, Any]] | None:
        """Members of an audience, by its number or integration id."""
        for one in self.audiences.values():
            if list_id in (str(one.id), one.integration_id):
                return [{"id": member} for member in one.members]
        return None

    def stats(self) -> dict[str, Any]:
        """Counters, and the first violations."""
        known = ("calls", "violations", "throttled")
        return {
            **{name: self._counts[name] for name in known},
            **dict(sorted(self._counts.items())),
            "violationsSeen": self.violations[:20],
        }

    def control(self, method: str, path: list[str], request: Request) -> Answer | None:
        """``keys`` {key}, ``revocations`` {key}, ``lists`` {name, id}, ``rejections`` {ids, reason}, ``settings``."""
        if method not in ("POST", "PUT"):
            return None
        given = request.json()
        match path:
            case ["keys"]:
                self.keys.add(given["key"])
            case ["revocations"]:
                self.keys.discard(given["key"])
                self.management_keys.discard(given["key"])
            case ["lists"]:
                made = self.new_audience(
                    given["name"], given.get("integrationId", ""), given.get("id")
                )
                return json_answer(201, _audience(made))
            case ["rejections"]:
                self.refused = dict.fromkeys(given["ids"], given.get("reason", "not wanted here"))
            case ["settings"]:
                self.limits = bool(given.get("limits", self.limits))
                self.pointers = bool(given.get("pointers", self.pointers))
            case _:
                return None
        return json_answer(200, {"ok": True})


def _audience(one: Audience) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "integrationId": one.integration_id}


def _is_number(text: str) -> bool:
    return text.isdecimal() and str(int(text)) == text


def _page(request: Request, entries: list[dict[str, Any]]) -> Answer:
    size = min(int(request.parameter("pageSize") or 1000), 1000)
    skip = int(request.parameter("skip") or 0)
    content = {
        "hasMore": skip + size < len(entries),
        "totalResultSize": len(entries),
        "data": entries[skip : skip + size],
    }
    return json_answer(200, content)


def _error(
    status: int, message: str, faults: list[tuple[str, dict[str, str]]] | None = None
) -> Answer:
    errors = [
        {"title": words, "details": words, "source": source} for words, source in faults or ()
    ]
    return json_answer(status, {"message": message, "errors": errors, "StatusCode": status})
