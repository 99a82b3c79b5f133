"""The emulated Braze workspace: keys, rate limits per clock hour, and the operations on users and groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from app.sandbox.braze.state import DEFAULT_GROUP, IDENTITY, User, Workspace, identity_of
from app.sandbox.server import Request, Response, json_response
from app.sandbox.tally import Tally
from app.sandbox.windows import Window, take

DEFAULT_KEY = "braze-sandbox-key"
PERMISSIONS = ("users.track", "subscription.status.set", "subscription.status.get")
ARRAYS = ("attributes", "events", "purchases")
GROUP_ARRAYS = {"external_ids": "external_id", "emails": "email", "phones": "phone"}
GROUP_ROWS = 50
BODY_BYTES = 4_000_000
LIMITS = {"track": (3_000, 3), "subscription": (5_000, 60), "other": (250_000, 3_600)}
_NAME = re.compile(r"[^$].{0,254}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NO_DATA = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."


class BrazeEmulator:
    """One Braze workspace. A list is a boolean attribute (its members have ``true``) or a subscription group."""

    name = "braze"

    def __init__(self, *, limits: bool = True, most_objects: int = 75) -> None:
        self.limits = limits
        self.most_objects = most_objects  # 50 under "Monthly Active Users CY 24-25"
        self.limit_share = 1.0  # fraction of the default limits, as in another contract
        self.keys: dict[str, tuple[str, ...]] = {DEFAULT_KEY: PERMISSIONS}
        self.groups: dict[str, str] = {DEFAULT_GROUP: "Sandbox group"}
        self.refused: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        """Delete all users, and reset the counters."""
        self._tally = Tally()
        self._workspace = Workspace(self.groups, self._tally.counts)
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
                    request, "subscription", "subscription.status.set", self._set_status
                )
            case ("GET", "/subscription/status/get"):
                return self._guarded(request, "other", "subscription.status.get", self._get_status)
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
            else:
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
        bad = [name for name in entry if not _NAME.fullmatch(name)]
        return f"invalid attribute name {bad[0]}" if bad else None

    # Subscription groups

    def _set_status(self, request: Request) -> Response:
        groups = _body(request).get("subscription_groups")
        if not isinstance(groups, list) or not groups:
            return json_response(400, {"message": "'subscription_groups' is required"})
        for group in groups:
            fault = self._group_fault(group)
            if fault is not None:
                return json_response(400, {"message": fault})
        rows = sum(len(group[name]) for group in groups for name in GROUP_ARRAYS if group.get(name))
        if rows > GROUP_ROWS:
            self._tally.add_violation(f"{rows} users in one call")
            return json_response(400, {"message": "at most 50 users"})
        for group in () if request.ignore else groups:
            for array, kind in GROUP_ARRAYS.items():
                for value in group.get(array) or ():
                    user = self._workspace.find({kind: value}, create=kind != "external_id")
                    if user is not None:
                        user.groups[group["subscription_group_id"]] = group["subscription_state"]
        return json_response(201, {"message": "success"})

    def _group_fault(self, group: Mapping[str, Any]) -> str | None:
        arrays = [name for name in GROUP_ARRAYS if group.get(name)]
        if group.get("subscription_group_id") not in self.groups:
            return "subscription_group_id is not valid"
        if group.get("subscription_state") not in ("subscribed", "unsubscribed"):
            return "subscription_state is not valid"
        if not arrays or {"emails", "phones"} <= set(arrays):
            self._tally.add_violation(f"identifiers of a group: {arrays}")
            return "give external_ids, emails or phones"
        return None

    def _get_status(self, request: Request) -> Response:
        given = request.parameters()
        group = request.parameter("subscription_group_id")
        if group not in self.groups:
            return json_response(400, {"message": "subscription_group_id is not valid"})
        status = {}
        for value in [*given.get("external_id[]", []), *given.get("external_id", [])]:
            user = self._workspace.find({"external_id": value}, create=False)
            state = user.groups.get(group, "unknown") if user else "unknown"
            status[value.upper() if request.reformat else value] = state.capitalize()
        return json_response(200, {"status": status, "message": "success"})

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
        ``settings`` {limits, mostObjects, limitShare}. Returns None for another operation.
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
            case ["settings"]:
                self.limits = bool(given.get("limits", self.limits))
                self.most_objects = int(given.get("mostObjects", self.most_objects))
                if "limitShare" in given:
                    self.limit_share = float(given["limitShare"])
                    self._open_windows()
            case _:
                return None
        return json_response(200, {"ok": True})


def _body(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
