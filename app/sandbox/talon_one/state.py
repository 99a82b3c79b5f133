"""The data of the emulated Talon.One deployment: audiences and profiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Audience:
    """One audience. ``members`` holds integration ids in the order in which they were added."""

    id: int
    name: str
    integration_id: str
    members: dict[str, None] = field(default_factory=dict)


class Deployment:
    """Audiences by number, and attributes of profiles by integration id."""

    def __init__(self) -> None:
        self.audiences: dict[int, Audience] = {}
        self.profiles: dict[str, dict[str, Any]] = {}

    def new_audience(
        self, name: str, integration_id: str, audience_id: int | None = None
    ) -> Audience:
        """Create an audience. Without ``audience_id``, it gets the next number."""
        number = audience_id or max(self.audiences, default=0) + 1
        self.audiences[number] = Audience(number, name, integration_id)
        return self.audiences[number]

    def apply(self, action: str, audience: int, profile_id: str) -> None:
        """Add a profile to an audience (``add``), or remove it (``delete``). Creates the profile."""
        self.profiles.setdefault(profile_id, {})
        if action == "add":
            self.audiences[audience].members[profile_id] = None
        else:
            self.audiences[audience].members.pop(profile_id, None)

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
