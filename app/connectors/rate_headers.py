"""Reads the rate limit from a partner's response headers: the calls per window, the calls left, and the reset.

The values are not trusted: unreadable values are ignored, and no value is valid for longer than an hour.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.connectors.answers import LONGEST_WAIT, moment_of

# A whole number at the start: a list of limits (`10, 10;w=1, 150;w=60`) begins with the limit that applies now.
_NUMBER = re.compile(r"\s*([0-9]{1,12})(?:\.[0-9]*)?\s*(?:[,;]|$)")
_WHOLE_SECOND = timedelta(seconds=1)  # partners round the time of the reset down to whole seconds


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """The names of a partner's headers. ``reset`` holds the seconds to go, or the seconds since 1970."""

    limit: str
    remaining: str
    reset: str
    reset_counts: Literal["seconds_to_go", "seconds_since_1970"]


@dataclass(frozen=True, slots=True)
class ToldLimit:
    """The state of a partner's window: its calls (None if unknown), the calls left, and the time until its reset."""

    limit: int | None
    remaining: int
    reset: timedelta


def told_limit(
    names: RateHeaders, headers: Mapping[str, str], *, now: datetime
) -> ToldLimit | None:
    """Parse the headers. Returns None if the calls left or the reset are missing or are not numbers."""
    remaining = _number(headers.get(names.remaining))
    reset = _number(headers.get(names.reset))
    if remaining is None or reset is None:
        return None
    if names.reset_counts == "seconds_since_1970":
        # Relative to the partner's clock if it is known: the local clock may differ by minutes.
        reset -= int((moment_of(headers.get("date", "")) or now).timestamp())
    to_go = timedelta(seconds=max(reset, 0))
    limit = _number(headers.get(names.limit))
    return ToldLimit(limit or None, remaining, min(to_go + _WHOLE_SECOND, LONGEST_WAIT))


def _number(text: str | None) -> int | None:
    match = _NUMBER.match(text or "")
    return int(match[1]) if match else None
