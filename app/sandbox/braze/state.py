"""The data of the emulated Braze workspace: users and subscription groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DEFAULT_GROUP = "00000000-0000-4000-8000-000000000001"
IDENTITY = ("external_id", "user_alias", "braze_id", "email", "phone")


@dataclass(slots=True)
class User:
    """One user."""

    id: str
    identity: dict[str, str]
    attributes: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)  # state by group id
    events: list[dict[str, Any]] = field(default_factory=list)


class Workspace:
    """Users by id, with an index of their identifiers. ``groups`` holds names of groups by id."""

    def __init__(self, groups: Mapping[str, str], counts: Counter[str]) -> None:
        self.users: dict[str, User] = {}
        self.groups = groups
        self._counts = counts
        self._ids: dict[tuple[str, str], str] = {}

    def find(self, entry: Mapping[str, Any], *, create: bool) -> User | None:
        """Return the user with the identifier of an entry. Without ``create``, returns None if there is none."""
        kind, value = identity_of(entry)
        found = self._ids.get((kind, value))
        if found is None:
            if not create:
                return None
            found = f"user_{len(self.users) + 1:08d}"
            self.users[found] = User(found, {kind: value})
            self._ids[kind, value] = found
        return self.users[found]

    def apply(self, entry: Mapping[str, Any], array: str) -> None:
        """Apply one entry of ``attributes``, ``events`` or ``purchases``."""
        user = self.find(entry, create=not _updates_existing_only(entry))
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

    def lists(self) -> list[dict[str, Any]]:
        """Return ``[{"id", "name", "members"}]`` for boolean attributes and groups; ``members`` is a number."""
        attributes = {
            name: name
            for user in self.users.values()
            for name, value in user.attributes.items()
            if isinstance(value, bool)
        }
        named = [*sorted(attributes.items()), *self.groups.items()]
        return [
            {"id": one, "name": name, "members": len(self.members(one) or ())}
            for one, name in named
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
            if isinstance(value, dict):
                return name, f"{value.get('alias_label')}:{value.get('alias_name')}"
            return name, str(value).lower() if name == "email" else str(value)
    return "", ""
