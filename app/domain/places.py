"""Places: the list, attribute or arm at the partner in which a key is held.

A place is part of the destination key, next to identifier type and value. A profile that changes its place therefore
exits one key and enters another. Arms of a split that share a list are one place. Plans and holdings store the text of
a place, so its format must not change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

_ARM = "@arm"  # no setting of a destination begins with @


@dataclass(frozen=True, slots=True)
class Place:
    """A place. ``arm`` is set if one arm of a split has its own list. ``settings`` name the place at the partner."""

    arm: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str | None:
        """The form in plans and holdings, or None for the only list of an activation."""
        value = dict(sorted(self.settings.items()))
        if self.arm is not None:
            value = {_ARM: self.arm, **value}
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else None


def list_name(activation: str, place: Place) -> str:
    """Return the name with which the list of a place is created: that of the activation, with the arm in brackets."""
    return f"{activation} ({place.arm})" if place.arm else activation


def place_of(text: str | None) -> Place:
    """Parse the text of a place, as :attr:`Place.text` returns it."""
    settings = json.loads(text) if text is not None else {}
    arm = settings.pop(_ARM, None)
    return Place(arm, settings)
