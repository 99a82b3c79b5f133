"""What a partner's answer tells of its rate limit: how many calls its window takes, how many are left, when it ends.

The values come from outside: what cannot be read is ignored, and nothing is believed for longer than an hour.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.connectors.answers import LONGEST_WAIT, moment_of

# A whole number at the start: a list of limits (`10, 10;w=1, 150;w=60`) begins with the one that binds now.
_NUMBER = re.compile(r"\s*([0-9]{1,12})(?:\.[0-9]*)?\s*(?:[,;]|$)")
_WHOLE_SECOND = timedelta(seconds=1)  # partners cut the moment of the reset to whole seconds


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """The names of a partner's headers; ``reset`` counts the seconds to go or those since 1970."""

    limit: str
    remaining: str
    reset: str
    reset_counts: Literal["seconds_to_go", "seconds_since_1970"]


@dataclass(frozen=True, slots=True)
class ToldLimit:
    """The state of a partner's window: calls in all (None: not said), calls left, time until it begins anew."""

    limit: int | None
    remaining: int
    reset: timedelta


def told_limit(
    names: RateHeaders, headers: Mapping[str, str], *, now: datetime
) -> ToldLimit | None:
    """What the headers say; None where the calls left or the reset are missing or no numbers."""
    remaining = _number(headers.get(names.remaining))
    reset = _number(headers.get(names.reset))
    if remaining is None or reset is None:
        return None
    if names.reset_counts == "seconds_since_1970":
        # By the partner's own clock, where it tells: ours may be minutes off.
        reset -= int((moment_of(headers.get("date", "")) or now).timestamp())
    to_go = timedelta(seconds=max(reset, 0))
    limit = _number(headers.get(names.limit))
    return ToldLimit(limit or None, remaining, min(to_go + _WHOLE_SECOND, LONGEST_WAIT))


def _number(text: str | None) -> int | None:
    match = _NUMBER.match(text or "")
    return int(match[1]) if match else None
