"""Places: where at a destination a key is, when that is not simply the activation's only list.

A key is known to the partner by list (or attribute), identity type and value, so a place is part of the key: who changes
places leaves the one and enters the other. Arms of a split that share a list are one place. A place's text stands in
plans and holdings, and never changes its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

_ARM = "@arm"  # no setting of a destination begins so


@dataclass(frozen=True, slots=True)
class Place:
    """``arm``: the side of a split that has the place to itself. ``settings`` name the place at the partner."""

    arm: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str | None:
        """The form in plans and holdings; None for the place that needs no name."""
        value = dict(sorted(self.settings.items()))
        if self.arm is not None:
            value = {_ARM: self.arm, **value}
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else None


def place_of(text: str | None) -> Place:
    """The inverse of ``Place.text``."""
    settings = json.loads(text) if text is not None else {}
    arm = settings.pop(_ARM, None)
    return Place(arm, settings)
