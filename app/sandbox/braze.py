"""Braze's user and subscription API: attributes, events and groups, with its limits on the clock hour."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.sandbox.server import Answer, Request, json_answer
from app.sandbox.windows import Window, take

DEFAULT_KEY = "braze-sandbox-key"
DEFAULT_GROUP = "00000000-0000-4000-8000-000000000001"
PERMISSIONS = ("users.track", "subscription.status.set", "subscription.status.get")
IDENTITY = ("external_id", "user_alias", "braze_id", "email", "phone")
ARRAYS = ("attributes", "events", "purchases")
GROUP_ARRAYS = {"external_ids": "external_id", "emails": "email", "phones": "phone"}
GROUP_ROWS = 50
BODY_BYTES = 4_000_000
_NAME = re.compile(r"[^$].{0,254}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(slots=True)
class User:
    """One profile."""

    id: str
    identity: dict[str, str]
    attributes: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)


class BrazeEmulator:
    """One workspace. A list is a boolean attribute (members have ``true``) or a subscription group."""

    name = "braze"

    def __init__(self, *, limits: bool = True, most_objects: int = 75) -> None:
        self.limits = limits
        self.most_objects = most_objects  # 50 under "Monthly Active Users CY 24-25"
        self.limit_share = 1.0  # of the usual limits, as another contract has
        self.keys: dict[str, tuple[str, ...]] = {DEFAULT_KEY: PERMISSIONS}
        self.groups: dict[str, str] = {DEFAULT_GROUP: "Sandbox group"}
        self.refused: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        """Forget users and counters."""
        self.users: dict[str, User] = {}
        self._by: dict[tuple[str, str], str] = {}
        self._counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self._open_windows()

    def _open_windows(self) -> None:
        limits = {"track": (3_000, 3), "subscription": (5_000, 60), "other": (250_000, 3_600)}
        self._windows = {
            name: Window(max(1, int(calls * self.limit_share)), seconds)
            for name, (calls, seconds) in limits.items()
        }

    def handle(self, request: Request) -> Answer:
        """Answer one call."""
        self._counts["calls"] += 1
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
                self._violation(f"no such path: {request.method} {request.path}")
                return json_answer(404, {"message": "Not found"})

    def _guarded(self, request: Request, window: str, permission: str, handler: Any) -> Answer:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if permission not in self.keys.get(key, ()):
            return json_answer(401, {"message": "Error authorizing API key"})
        limit = self._windows[window]
        if self.limits and take([limit]) is not None:
            self._counts["throttled"] += 1
            answer = json_answer(429, {"message": "The rate limit has been exceeded"})
        elif len(request.body) > BODY_BYTES:
            answer = json_answer(413, {"message": "Request entity too large"})
        else:
            answer = handler(request)
        answer.headers.update(
            {
                "x-ratelimit-limit": str(limit.limit),
                "x-ratelimit-remaining": str(limit.remaining),
                "x-ratelimit-reset": str(int(limit.start + limit.seconds)),
            }
        )
        return answer

    # Users

    def _track(self, request: Request) -> Answer:
        body = self._body(request)
        given = {name: body[name] for name in ARRAYS if isinstance(body.get(name), list)}
        unknown = set(body) - {*ARRAYS, "partner"}
        if unknown:
            self._violation(f"unknown keys {sorted(unknown)}")
        objects = sum(map(len, given.values()))
        if not objects:
            return json_answer(
                400,
                {
                    "message": "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
                },
            )
        if objects > self.most_objects:
            self._violation(f"{objects} objects in one call")
            return json_answer(400, {"message": "Max Input Length Exceeded", "errors": []})
        errors: list[dict[str, Any]] = []
        answer: dict[str, Any] = {"message": "success"}
        for name, entries in given.items():
            taken = 0
            for index, entry in enumerate(entries):
                fault = self._fault(entry, name)
                if fault:
                    errors.append({"type": fault, "input_array": name, "index": index})
                else:
                    taken += 1
                    if not request.ignore:
                        self._apply(entry, name)
            answer[f"{name}_processed"] = taken
            self._counts[f"{name}_processed"] += taken
        return json_answer(201, {**answer, **({"errors": errors} if errors else {})})

    def _fault(self, entry: Any, array: str) -> str | None:
        if not isinstance(entry, dict):
            return "each entry must be an object"
        named = [name for name in IDENTITY if entry.get(name)]
        if not named:
            return "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
        value = _identity(entry)[1]
        if value in self.refused:
            return self.refused[value]
        if named[0] == "email" and not _EMAIL.fullmatch(value):
            return "'email' is not valid"
        if array == "events" and not (entry.get("name") and entry.get("time")):
            return "'name' and 'time' are required"
        bad = [name for name in entry if not _NAME.fullmatch(name)]
        return f"invalid attribute name {bad[0]}" if bad else None

    def _apply(self, entry: Mapping[str, Any], array: str) -> None:
        user = self._find(entry, make=not self._only_existing(entry))
        if user is None:
            self._counts["unknown_users"] += 1
            return
        if array == "events":
            user.events.append(dict(entry))
            return
        for name, value in entry.items():
            if name == "_update_existing_only" or name in IDENTITY:
                continue
            self._counts["data_points"] += 1
            if value is None:
                user.attributes.pop(name, None)
            else:
                user.attributes[name] = value

    def _only_existing(self, entry: Mapping[str, Any]) -> bool:
        return bool(entry.get("_update_existing_only", "user_alias" in entry))

    def _find(self, entry: Mapping[str, Any], *, make: bool) -> User | None:
        kind, value = _identity(entry)
        found = self._by.get((kind, value))
        if found is None:
            if not make:
                return None
            found = f"user_{len(self.users) + 1:08d}"
            self.users[found] = User(found, {kind: value})
            self._by[kind, value] = found
        return self.users[found]

    # Subscription groups

    def _set_status(self, request: Request) -> Answer:
        body = self._body(request)
        groups = body.get("subscription_groups")
        if not isinstance(groups, list) or not groups:
            return json_answer(400, {"message": "'subscription_groups' is required"})
        for group in groups:
            arrays = [name for name in GROUP_ARRAYS if group.get(name)]
            if group.get("subscription_group_id") not in self.groups:
                return json_answer(400, {"message": "subscription_group_id is not valid"})
            if group.get("subscription_state") not in ("subscribed", "unsubscribed"):
                return json_answer(400, {"message": "subscription_state is not valid"})
            if not arrays or {"emails", "phones"} <= set(arrays):
                self._violation(f"identifiers of a group: {arrays}")
                return json_answer(400, {"message": "give external_ids, emails or phones"})
        rows = sum(len(group[name]) for group in groups for name in GROUP_ARRAYS if group.get(name))
        if rows > GROUP_ROWS:
            self._violation(f"{rows} users in one call")
            return json_answer(400, {"message": "at most 50 users"})
        for group in () if request.ignore else groups:
            for array, kind in GROUP_ARRAYS.items():
                for value in group.get(array) or ():
                    user = self._find({kind: value}, make=kind != "external_id")
                    if user is not None:
                        user.groups[group["subscription_group_id"]] = group["subscription_state"]
        return json_answer(201, {"message": "success"})

    def _get_status(self, request: Request) -> Answer:
        given = request.parameters()
        group = request.parameter("subscription_group_id")
        if group not in self.groups:
            return json_answer(400, {"message": "subscription_group_id is not valid"})
        status = {}
        for value in [*given.get("external_id[]", []), *given.get("external_id", [])]:
            user = self._find({"external_id": value}, make=False)
            state = user.groups.get(group, "unknown") if user else "unknown"
            status[value.upper() if request.reformat else value] = state.capitalize()
        return json_answer(200, {"status": status, "message": "success"})

    def _body(self, request: Request) -> dict[str, Any]:
        try:
            body = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return {}
        return body if isinstance(body, dict) else {}

    def _violation(self, words: str) -> None:
        self._counts["violations"] += 1
        if len(self.violations) < 1000:
            self.violations.append(words)

    # For the sandbox

    def lists(self) -> list[dict[str, Any]]:
        """Boolean attributes and groups, each with the number of its members."""
        names = sorted(
            {
                name
                for user in self.users.values()
                for name, value in user.attributes.items()
                if isinstance(value, bool)
            }
        )
        found = [{"id": name, "name": name, "members": self._count(name)} for name in names]
        return found + [
            {"id": one, "name": name, "members": self._count(one)}
            for one, name in self.groups.items()
        ]

    def _count(self, list_id: str) -> int:
        return len(self.members(list_id) or ())

    def members(self, list_id: str) -> list[dict[str, Any]] | None:
        """Users with ``true`` in an attribute, or subscribed to a group."""
        if list_id in self.groups:
            inside = [u for u in self.users.values() if u.groups.get(list_id) == "subscribed"]
        else:
            inside = [u for u in self.users.values() if u.attributes.get(list_id) is True]
            if not inside and not any(list_id in user.attributes for user in self.users.values()):
                return None
        return [{"id": user.id, **user.identity, "attributes": user.attributes} for user in inside]

    def stats(self) -> dict[str, Any]:
        """Counters, and the first violations."""
        known = ("calls", "violations", "throttled", "data_points")
        return {
            **{name: self._counts[name] for name in known},
            **dict(sorted(self._counts.items())),
            "violationsSeen": self.violations[:20],
        }

    def control(self, method: str, path: list[str], request: Request) -> Answer | None:
        """``keys`` {key, permissions}, ``revocations`` {key}, ``groups`` {id, name}, ``rejections``, ``settings``."""
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
        return json_answer(200, {"ok": True})


def _identity(entry: Mapping[str, Any]) -> tuple[str, str]:
    for name in IDENTITY:
        value = entry.get(name)
        if value:
            if isinstance(value, dict):
                return name, f"{value.get('alias_label')}:{value.get('alias_name')}"
            return name, str(value).lower() if name == "email" else str(value)
    return "", ""
