"""Places: where at a destination a key is, when that is not simply the activation's only list.

A key is known to the partner by list (or attribute), identity type and value, so a place is part of the key: who changes
places leaves the one and enters the other. Its text stands in plans and holdings, and never changes its meaning:
an arm's name where arms share a list, else an object with ``arm`` (which has a list of its own) and the settings that
name the list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """``arm``: the side of a split; ``own``: it has a place to itself. ``settings`` name the place at the partner."""

    arm: str | None = None
    own: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str | None:
        """The form in plans and holdings; None for the place that needs no name."""
        if not self.own and not self.settings:
            shared = self.arm
            if shared is None or not shared.startswith("{"):
                return shared
        value: dict[str, object] = dict(sorted(self.settings.items()))
        if self.arm is not None:
            value = {_ARM: self.arm, **value}
        if self.own:
            value[_OWN] = True
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def place_of(text: str | None) -> Place:
    """The inverse of ``Place.text``."""
    if text is None or not text.startswith("{"):
        return Place(arm=text)
    value = json.loads(text)
    arm, own = value.pop(_ARM, None), bool(value.pop(_OWN, False))
    return Place(arm, own, value)


_ARM = "@arm"  # no setting of a destination begins so
_OWN = "@own"
