"""The emulated Braze workspace: keys, rate limits per clock hour, and the operations on users and groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from app.sandbox.braze import groups, people
from app.sandbox.braze.state import DEFAULT_GROUP, IDENTITY, User, Workspace, identity_of
from app.sandbox.server import Request, Response, json_response
from app.sandbox.tally import Tally
from app.sandbox.windows import Window, take

DEFAULT_KEY = "braze-sandbox-key"
PERMISSIONS = (
    "users.track",
    "users.export.ids",
    "users.delete",
    "users.alias.new",
    "users.identify",
    "users.merge",
    "subscription.status.set",
    "subscription.status.get",
    "subscription.groups.get",
)
ARRAYS = ("attributes", "events", "purchases")
BODY_BYTES = 4_000_000
LIMITS = {
    "track": (3_000, 3),
    "subscription": (5_000, 60),
    "export": (250, 60),
    "users": (20_000, 60),
    "other": (250_000, 3_600),
}
_PEOPLE: Mapping[str, tuple[str, Callable[[Workspace, Any], Response]]] = {
    "/users/export/ids": ("export", people.export_users),
    "/users/delete": ("users", people.delete_users),
    "/users/alias/new": ("users", people.new_aliases),
    "/users/identify": ("users", people.identify),
    "/users/merge": ("users", people.merge_users),
}
_NAME = re.compile(r"[^$].{0,254}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NO_DATA = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."


class BrazeEmulator:
    """One Braze workspace. A list is a boolean attribute (its members have ``true``) or a subscription group."""

    name = "braze"
    title = "Braze"
    lists_title = "Attributes and subscription groups"
    settings_hint = f"api_key {DEFAULT_KEY}, and this URL as rest_endpoint"

    def __init__(self, *, limits: bool = True, most_objects: int = 75) -> None:
        self.limits = limits
        self.most_objects = most_objects  # 50 under "Monthly Active Users CY 24-25"
        self.limit_share = 1.0  # fraction of the default limits, as in another contract
        self.keys: dict[str, tuple[str, ...]] = {DEFAULT_KEY: PERMISSIONS}
        self.groups: dict[str, str] = {DEFAULT_GROUP: "Sandbox group"}
        self.refused: dict[str, str] = {}
        self.uncounted: set[str] = set()  # ids that are dropped without an error
        self.queues = False  # maintenance: what is sent is queued
        self.settle_seconds = 0.0  # so long the operations on groups ignore a new user
        self.reset()

    def reset(self) -> None:
        """Delete all users, and reset the counters."""
        self._tally = Tally()
        self._workspace = Workspace(self.groups, self._tally.counts)
        self._workspace.settle_seconds = self.settle_seconds
        self._queued: list[tuple[Request, dict[str, Any]]] = []
        self._open_windows()

    def _open_windows(self) -> None:
        self._windows = {
            name: Window(max(1, int(calls * self.limit_share)), seconds)
            for name, (calls, seconds) in LIMITS.items()
        }

    @property
    def users(self) -> dict[str, User]:
        """The users by id."""
        return self._workspace.users

    @property
    def violations(self) -> list[str]:
        """The first requests that broke Braze's documents, in words."""
        return self._tally.violations

    def handle(self, request: Request) -> Response:
        """Respond to one request."""
        self._tally.counts["calls"] += 1
        match (request.method, request.path):
            case ("POST", "/users/track"):
                return self._guarded(request, "track", "users.track", self._track)
            case ("POST", "/v2/subscription/status/set"):
                return self._guarded(
                    request, "subscription", "subscription.status.set", self._set_states
                )
            case ("POST", "/subscription/status/set"):
                return self._guarded(
                    request, "subscription", "subscription.status.set", self._set_state
                )
            case ("GET", "/subscription/status/get"):
                return self._guarded(request, "other", "subscription.status.get", self._get_states)
            case ("GET", "/subscription/user/status"):
                return self._guarded(request, "other", "subscription.groups.get", self._get_groups)
            case ("POST", path) if path in _PEOPLE:
                window, handler = _PEOPLE[path]
                permission = path[1:].replace("/", ".")
                return self._guarded(
                    request,
                    window,
                    permission,
                    lambda given: handler(self._workspace, _body(given)),
                )
            case _:
                self._tally.add_violation(f"no such path: {request.method} {request.path}")
                return json_response(404, {"message": "Not found"})

    def _guarded(
        self,
        request: Request,
        window: str,
        permission: str,
        handler: Callable[[Request], Response],
    ) -> Response:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if permission not in self.keys.get(key, ()):
            return json_response(401, {"message": "Error authorizing API key"})
        limit = self._windows[window]
        if self.limits and take([limit]) is not None:
            self._tally.counts["throttled"] += 1
            response = json_response(429, {"message": "The rate limit has been exceeded"})
        elif len(request.body) > BODY_BYTES:
            response = json_response(413, {"message": "Request entity too large"})
        else:
            response = handler(request)
        response.headers.update(
            {
                "x-ratelimit-limit": str(limit.limit),
                "x-ratelimit-remaining": str(limit.remaining),
                "x-ratelimit-reset": str(int(limit.start + limit.seconds)),
            }
        )
        return response

    # Users

    def _track(self, request: Request) -> Response:
        body = _body(request)
        given = {name: body[name] for name in ARRAYS if isinstance(body.get(name), list)}
        unknown = set(body) - {*ARRAYS, "partner"}
        if unknown:
            self._tally.add_violation(f"unknown keys {sorted(unknown)}")
        objects = sum(map(len, given.values()))
        if not objects:
            return json_response(400, {"message": _NO_DATA})
        if objects > self.most_objects:
            self._tally.add_violation(f"{objects} objects in one call")
            return json_response(400, {"message": "Max Input Length Exceeded", "errors": []})
        if self.queues:
            self._queued.append((request, given))
            return json_response(202, {"message": "queued"})
        errors: list[dict[str, Any]] = []
        content: dict[str, Any] = {"message": "success"}
        for name, entries in given.items():
            taken = self._take(request, name, entries, errors)
            content[f"{name}_processed"] = taken
            self._tally.counts[f"{name}_processed"] += taken
        return json_response(201, {**content, **({"errors": errors} if errors else {})})

    def _take(
        self, request: Request, array: str, entries: Sequence[Any], errors: list[dict[str, Any]]
    ) -> int:
        taken = 0
        for index, entry in enumerate(entries):
            fault = self._fault(entry, array)
            if fault:
                errors.append({"type": fault, "input_array": array, "index": index})
            elif identity_of(entry)[1] not in self.uncounted:
                taken += 1
                if not request.ignore:
                    self._workspace.apply(entry, array)
        return taken

    def _fault(self, entry: Any, array: str) -> str | None:
        if not isinstance(entry, dict):
            return "each entry must be an object"
        named = [name for name in IDENTITY if entry.get(name)]
        if not named:
            return "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
        value = identity_of(entry)[1]
        if value in self.refused:
            return self.refused[value]
        if named[0] == "email" and not _EMAIL.fullmatch(value):
            return "'email' is not valid"
        if array == "events" and not (entry.get("name") and entry.get("time")):
            return "'name' and 'time' are required"
        if array == "purchases" and not (entry.get("product_id") and entry.get("time")):
            return "'product_id' and 'time' are required"
        bad = [name for name in entry if not _NAME.fullmatch(name)]
        return f"invalid attribute name {bad[0]}" if bad else None

    # Subscription groups

    def _set_states(self, request: Request) -> Response:
        return groups.set_states(self._workspace, self._tally, request, _body(request))

    def _set_state(self, request: Request) -> Response:
        return groups.set_state(self._workspace, self._tally, request, _body(request))

    def _get_states(self, request: Request) -> Response:
        return groups.get_states(self._workspace, request)

    def _get_groups(self, request: Request) -> Response:
        return groups.get_groups(self._workspace, request)

    # Operations of the control API

    def lists(self) -> list[dict[str, Any]]:
        """Return ``[{"id", "name", "members"}]`` for boolean attributes and groups; ``members`` is a number."""
        return self._workspace.lists()

    def members(self, list_id: str) -> list[dict[str, Any]] | None:
        """Return ``[{"id", identifier: value, "attributes"}]`` for a list's users, or None if there is no such list."""
        return self._workspace.members(list_id)

    def stats(self) -> dict[str, Any]:
        """Return ``{counter: number, "violationsSeen": [violation]}``."""
        return self._tally.stats("calls", "violations", "throttled", "data_points")

    def control(self, method: str, path: list[str], request: Request) -> Response | None:
        """Change the workspace.

        ``keys`` {key, permissions}, ``revocations`` {key}, ``groups`` {id, name}, ``rejections`` {ids, reason},
        ``uncounted`` {ids}, ``settings`` {limits, mostObjects, limitShare, queues, settleSeconds}. Returns None for another operation.
        """
        if method not in ("POST", "PUT"):
            return None
        given = request.json()
        match path:
            case ["keys"]:
                self.keys[given["key"]] = tuple(given.get("permissions", PERMISSIONS))
            case ["revocations"]:
                self.keys.pop(given["key"], None)
            case ["groups"]:
                self.groups[given["id"]] = given.get("name", given["id"])
            case ["rejections"]:
                reason = given.get("reason", "provided external_id is blacklisted and disallowed")
                self.refused = dict.fromkeys(given["ids"], reason)
            case ["uncounted"]:
                self.uncounted = set(given["ids"])
            case ["settings"]:
                self._queue(bool(given.get("queues", self.queues)))
                self.limits = bool(given.get("limits", self.limits))
                self.settle_seconds = float(given.get("settleSeconds", self.settle_seconds))
                self._workspace.settle_seconds = self.settle_seconds
                self.most_objects = int(given.get("mostObjects", self.most_objects))
                if "limitShare" in given:
                    self.limit_share = float(given["limitShare"])
                    self._open_windows()
            case _:
                return None
        return json_response(200, {"ok": True})

    def _queue(self, queues: bool) -> None:
        """Begin or end the maintenance. At its end, what was queued is applied."""
        self.queues = queues
        while self._queued and not queues:
            request, given = self._queued.pop(0)
            for name, entries in given.items():
                self._take(request, name, entries, [])


def _body(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
