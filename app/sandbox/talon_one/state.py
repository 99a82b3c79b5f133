"""The data of the emulated Talon.One deployment: audiences and profiles."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def now_text() -> str:
    """Return the current time in Talon.One's format."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@dataclass(slots=True)
class Audience:
    """One audience. ``members`` holds integration ids in the order in which they were added."""

    id: int
    name: str
    integration_id: str
    members: dict[str, None] = field(default_factory=dict)
    created: str = field(default_factory=now_text)
    last_update: str | None = None
    integration: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a profile has from the start: its number, and when it was created."""

    id: int
    created: str


class Deployment:
    """Audiences by number, and attributes of profiles by integration id."""

    def __init__(self) -> None:
        self.audiences: dict[int, Audience] = {}
        self.profiles: dict[str, dict[str, Any]] = {}
        self._origins: dict[str, Origin] = {}

    def new_audience(
        self, name: str, integration_id: str, audience_id: int | None = None
    ) -> Audience:
        """Create an audience. Without ``audience_id``, it gets the next number."""
        number = audience_id or max(self.audiences, default=0) + 1
        self.audiences[number] = Audience(number, name, integration_id)
        return self.audiences[number]

    def origin(self, profile_id: str) -> Origin:
        """Return the number and the time of creation of a profile."""
        if profile_id not in self._origins:
            self._origins[profile_id] = Origin(len(self._origins) + 1, now_text())
        return self._origins[profile_id]

    def write(self, profile_id: str, attributes: Mapping[str, Any]) -> None:
        """Create a profile, or change its attributes. Null removes an attribute."""
        known = self.profiles.setdefault(profile_id, {})
        self.origin(profile_id)
        for name, value in attributes.items():
            if value is None:
                known.pop(name, None)
            else:
                known[name] = value

    def apply(self, action: str, audience: int, profile_id: str) -> None:
        """Add a profile to an audience (``add``), or remove it (``delete``). Creates the profile."""
        self.write(profile_id, {})
        found = self.audiences[audience]
        if action == "add":
            found.members[profile_id] = None
        else:
            found.members.pop(profile_id, None)
        found.last_update = now_text()

    def audiences_of(self, profile_id: str) -> list[Audience]:
        """Return the audiences that a profile is in."""
        return [one for one in self.audiences.values() if profile_id in one.members]

    def lists(self) -> list[dict[str, Any]]:
        """Return ``[{"id", "name", "integrationId", "members"}]`` for the audiences; ``members`` is a number."""
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
        """Return ``[{"id"}]`` for an audience's members, by the audience's number or integration id, or None."""
        for one in self.audiences.values():
            if list_id in (str(one.id), one.integration_id):
                return [{"id": member} for member in one.members]
        return None
