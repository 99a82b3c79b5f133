"""The frequency of an activation: when its syncs are opened.

- ``{"type": "on_run"}``: after each run of a source.
- ``{"type": "once", "at"?}``: one sync, at that time or at once.
- ``{"type": "daily", "at": "06:30", "zone"}``, ``{"type": "interval", "minutes"}`` and
  ``{"type": "cron", "expression", "zone"}``: by the clock. ``local_time`` has the rule for clock changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast, get_args

from app.core.clock import from_wire, in_words, to_wire
from app.core.errors import Problem
from app.core.suggestions import did_you_mean
from app.domain.cron_faults import cron_fault
from app.domain.local_time import is_cron, is_zone, is_zone_everywhere, next_match, zone_fault

FrequencyType = Literal["on_run", "once", "daily", "interval", "cron"]

_KEYS: dict[str, tuple[str, ...]] = {
    "on_run": (),
    "once": ("at",),
    "daily": ("at", "zone"),
    "interval": ("minutes",),
    "cron": ("expression", "zone"),
}
#: A time that is past by less counts as now: forms have no seconds, and clocks differ.
RECENT = timedelta(minutes=5)
_MAX_MINUTES = 366 * 24 * 60


@dataclass(frozen=True, slots=True)
class Frequency:
    """When syncs are opened. The type determines which fields are set."""

    type: FrequencyType = "on_run"
    at: str | None = None  # once: RFC 3339; daily: HH:MM
    zone: str = "UTC"
    minutes: int | None = None
    expression: str | None = None  # five fields

    def to_json(self) -> dict[str, Any]:
        """Return ``{type, at?, zone?, minutes?, expression?}``, as on the wire and in ``Activation.options``."""
        values = {
            "at": self.at,
            "zone": self.zone,
            "minutes": self.minutes,
            "expression": self.expression,
        }
        given = {key: values[key] for key in _KEYS[self.type] if values[key] is not None}
        return {"type": self.type, **given}

    @property
    def follows_runs(self) -> bool:
        """Whether a run of a source opens a sync at once."""
        return self.type == "on_run"

    @property
    def moment(self) -> datetime | None:
        """The time of the frequency ``once``; None for all others."""
        return from_wire(self.at) if self.type == "once" and self.at else None

    def in_words(self) -> str:
        """Return the frequency as people read it, such as ``daily at 06:30 (Europe/Berlin)``."""
        match self.type:
            case "on_run":
                return "after each run"
            case "once":
                return f"once, at {in_words(moment)}" if (moment := self.moment) else "once"
            case "daily":
                return f"daily at {self.at} ({self.zone})"
            case "interval":
                return f"every {_span(self.minutes or 0)}"
            case "cron":
                return f"cron {self.expression} ({self.zone})"


def _span(minutes: int) -> str:
    """Return ``15 minutes``, ``hour``, ``6 hours``, ``day`` or ``2 days``."""
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0:
            count = minutes // size
            return name if count == 1 else f"{count} {name}s"
    return f"{minutes} minutes"


def parse_frequency(
    value: Any, *, field: str = "frequency", stored: bool = False
) -> Frequency | list[Problem]:
    """Parse JSON from the wire. A key that the type does not use is a problem.

    A ``stored`` frequency may have times that differ between hosts, which earlier versions accepted: ``R`` in an expression,
    and zones such as ``localtime``.
    """
    if not isinstance(value, Mapping):
        return [Problem("must be an object", field)]
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _KEYS:
        return [_unknown_type(kind, f"{field}.type")]
    problems = [
        Problem(_misplaced(kind, str(key)), f"{field}.{key}")
        for key in value
        if key not in ("type", *_KEYS[kind])
    ]
    given = {key: value[key] for key in _KEYS[kind] if value.get(key) is not None}
    for key in _KEYS[kind]:
        optional = key == "zone" or kind == "once"
        message = (
            _fault(kind, key, given[key], stored)
            if key in given
            else ("" if optional else f"is required for the type {kind}")
        )
        if message:
            problems.append(Problem(message, f"{field}.{key}"))
    if problems:
        return problems
    if kind == "once" and "at" in given:
        given["at"] = to_wire(from_wire(given["at"]))
    return Frequency(cast("FrequencyType", kind), **given)


def past_fault(frequency: Frequency, now: datetime) -> str:
    """Return why the time of the frequency ``once`` cannot be set any more, or an empty text. A sync would start at once."""
    moment = frequency.moment
    if moment is None or moment >= now - RECENT:
        return ""
    return f"is past: {in_words(moment)}. Choose a time to come, or leave it out for a sync as soon as the activation is enabled"


def next_due(frequency: Frequency, after: datetime) -> datetime | None:
    """Return the first time after ``after`` at which a sync is due, or None if it does not depend on the clock.

    For ``once``, returns its time even if it is past: the caller knows whether that sync was opened.
    """
    if frequency.type == "once":
        return frequency.moment
    if frequency.type == "interval" and frequency.minutes is not None:
        return after + timedelta(minutes=frequency.minutes)
    if frequency.type == "daily" and frequency.at is not None:
        hour, minute = frequency.at.split(":")
        return next_match(f"{int(minute)} {int(hour)} * * *", frequency.zone, after)
    if frequency.type == "cron" and frequency.expression is not None:
        return next_match(frequency.expression, frequency.zone, after)
    return None


def _unknown_type(kind: Any, field: str) -> Problem:
    choices = get_args(FrequencyType)
    hint = did_you_mean(kind, choices) if isinstance(kind, str) else ""
    return Problem(f"must be one of {', '.join(choices)}.{hint}", field)


def _misplaced(kind: str, key: str) -> str:
    known = _KEYS[kind]
    words = f"is not a field of the type {kind}.{did_you_mean(key, known)}"
    return f"{words} Its fields are {', '.join(known)}." if known else f"{words} It has no fields."


def _fault(kind: str, key: str, value: Any, stored: bool) -> str:
    if key == "minutes":
        fits = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MAX_MINUTES
        return "" if fits else f"must be a whole number from 1 to {_MAX_MINUTES}"
    if not isinstance(value, str):
        return "must be text"
    if key == "zone":
        is_fit = is_zone if stored else is_zone_everywhere
        return "" if is_fit(value) else zone_fault(value)
    if key == "expression":
        return "" if stored and is_cron(value) else cron_fault(value)
    if kind == "daily":
        fits = bool(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value))
        return "" if fits else "must be a time of the day, such as 06:30"
    try:
        from_wire(value)
    except (ValueError, OverflowError):
        return "must be an RFC 3339 time with its offset"
    return ""
