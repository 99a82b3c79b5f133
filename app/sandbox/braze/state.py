"""The data of the emulated Braze workspace: users and subscription groups."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

DEFAULT_GROUP = "00000000-0000-4000-8000-000000000001"
IDENTITY = ("external_id", "user_alias", "braze_id", "email", "phone")
CONTACTS = ("email", "phone")  # several users may have the same
TEXT_LENGTH = 255
ARRAY_LENGTH = 500
OBJECT_BYTES = 100_000


@dataclass(slots=True)
class User:
    """One user. ``identity`` holds texts by identifier; ``changed`` grows with each update."""

    id: str
    identity: dict[str, str]
    attributes: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)  # state by group id
    events: list[dict[str, Any]] = field(default_factory=list)
    purchases: list[dict[str, Any]] = field(default_factory=list)
    changed: int = 0
    born: float = field(default_factory=time.monotonic)
    created: str = field(
        default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S.000 UTC", time.gmtime())
    )


class Workspace:
    """Users by id, with an index of their identifiers. ``groups`` holds names of groups by id."""

    def __init__(self, groups: Mapping[str, str], counts: Counter[str]) -> None:
        self.users: dict[str, User] = {}
        self.groups = groups
        self.settle_seconds = 0.0  # so long a new user is unknown to the operations on groups
        self._counts = counts
        self._numbers = itertools.count(1)
        self._changes = itertools.count(1)
        self._ids: dict[tuple[str, str], list[str]] = {}

    def all_with(self, kind: str, value: str) -> list[User]:
        """Return the users with an identifier, the most recently changed first; those with an external id before all."""
        if kind == "braze_id":
            return [self.users[value]] if value in self.users else []
        found = [self.users[one] for one in self._ids.get((kind, _folded(kind, value)), ())]
        return sorted(found, key=lambda one: ("external_id" not in one.identity, -one.changed))

    def find(self, entry: Mapping[str, Any], *, create: bool) -> User | None:
        """Return the user with the identifier of an entry. Without ``create``, returns None if there is none."""
        kind, value = identity_of(entry)
        found = self.all_with(kind, value)
        if found:
            return found[0]
        if not create or kind == "braze_id":
            return None
        user = User(f"user_{next(self._numbers):08d}", {})
        self.users[user.id] = user
        self.name(user, kind, value)
        return user

    def name(self, user: User, kind: str, value: str) -> None:
        """Give a user an identifier, in place of the one of this kind that it had."""
        self._forget(user, kind)
        user.identity[kind] = value
        self._ids.setdefault((kind, _folded(kind, value)), []).append(user.id)

    def _forget(self, user: User, kind: str) -> None:
        old = user.identity.pop(kind, None)
        if old is not None:
            self._ids[kind, _folded(kind, old)].remove(user.id)

    def delete(self, user: User) -> None:
        """Delete a user."""
        for kind in list(user.identity):
            self._forget(user, kind)
        del self.users[user.id]

    def merge(self, kept: User, gone: User) -> None:
        """Merge the second user into the first. The first keeps its own values."""
        attributes = {**gone.attributes, **kept.attributes}
        groups = {**gone.groups, **kept.groups}
        identity = dict(gone.identity)
        self.delete(gone)
        kept.attributes, kept.groups = attributes, groups
        kept.events += gone.events
        kept.purchases += gone.purchases
        for kind in CONTACTS:
            if kind in identity and kind not in kept.identity:
                self.name(kept, kind, identity[kind])

    def apply(self, entry: Mapping[str, Any], array: str) -> None:
        """Apply one entry of ``attributes``, ``events`` or ``purchases``."""
        user = self.find(entry, create=not _updates_existing_only(entry))
        if user is None:
            self._counts["unknown_users"] += 1
            return
        user.changed = next(self._changes)
        if array != "attributes":
            (user.events if array == "events" else user.purchases).append(dict(entry))
            return
        used = identity_of(entry)[0]
        for name, value in entry.items():
            if name in CONTACTS and name != used:
                self._write_contact(user, name, value)
            elif name == "subscription_groups" and array == "attributes":
                for group in value or ():
                    if group["subscription_group_id"] in self.groups:
                        user.groups[group["subscription_group_id"]] = group["subscription_state"]
            elif name != "_update_existing_only" and name not in IDENTITY:
                self._write(user, name, value)

    def _write_contact(self, user: User, name: str, value: Any) -> None:
        if value is None:
            self._forget(user, name)
        else:
            self.name(user, name, str(value))

    def _write(self, user: User, name: str, value: Any) -> None:
        self._counts["data_points"] += 1
        if value is None:
            user.attributes.pop(name, None)
        elif isinstance(value, str):
            user.attributes[name] = value[:TEXT_LENGTH]
        elif isinstance(value, list):
            user.attributes[name] = value[-ARRAY_LENGTH:]
        elif isinstance(value, dict) and len(str(value)) > OBJECT_BYTES:
            self._counts["dropped_objects"] += 1
        else:
            user.attributes[name] = value

    def is_settled(self, user: User) -> bool:
        """Return whether the operations on groups know a user."""
        return time.monotonic() - user.born >= self.settle_seconds

    def set_group(self, users: Iterable[User], group: str, state: str) -> None:
        """Set the state of users in a group."""
        for user in users:
            user.groups[group] = state
            user.changed = next(self._changes)

    def lists(self) -> list[dict[str, Any]]:
        """Return ``[{"id", "name", "members"}]`` for boolean attributes and groups; ``members`` is a number."""
        inside: Counter[str] = Counter()
        subscribed: Counter[str] = Counter()
        for user in self.users.values():
            for name, value in user.attributes.items():
                if isinstance(value, bool):
                    inside[name] += value
            subscribed.update(one for one, state in user.groups.items() if state == "subscribed")
        return [
            *({"id": one, "name": one, "members": inside[one]} for one in sorted(inside)),
            *(
                {"id": one, "name": name, "members": subscribed[one]}
                for one, name in self.groups.items()
            ),
        ]

    def members(self, list_id: str) -> list[dict[str, Any]] | None:
        """Return ``[{"id", identifier: value, "attributes"}]`` for the users on a list.

        A list is a boolean attribute (its members have the value true) or a subscription group. Returns None if there
        is no such list.
        """
        users = self.users.values()
        if list_id in self.groups:
            inside = [user for user in users if user.groups.get(list_id) == "subscribed"]
        else:
            inside = [user for user in users if user.attributes.get(list_id) is True]
            if not inside and not any(list_id in user.attributes for user in users):
                return None
        return [{"id": user.id, **user.identity, "attributes": user.attributes} for user in inside]


def _updates_existing_only(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("_update_existing_only", "user_alias" in entry))


def identity_of(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name and the value of the entry's first identifier, or two empty texts."""
    for name in IDENTITY:
        value = entry.get(name)
        if value:
            return name, alias_text(value) if isinstance(value, dict) else _folded(name, str(value))
    return "", ""


def alias_text(alias: Mapping[str, Any]) -> str:
    """Return an alias as text: its label, a colon and its name."""
    return f"{alias.get('alias_label')}:{alias.get('alias_name')}"


def _folded(kind: str, value: str) -> str:
    return value.lower() if kind == "email" else value
