"""The calendar: time zones, cron expressions, and when an expression matches next on a zone's clock.

Schedules of audiences and frequencies of activations both use it. The rule for clock changes:

- A pattern whose hour field is ``*`` or ``*/n`` keeps its pace. Hours and minutes are the time that has passed since the
  local day began, so ``*/15 * * * *`` fires every 15 minutes and ``0 */6 * * *`` every six hours through both changes.
  The pattern starts again at the next midnight, as it does every day.
- Any other pattern names times of the clock, and each fires once. A time that is skipped fires when the clock goes on
  (02:30 becomes 03:00). A time that occurs twice fires the first time.

The library is ``croniter``, not ``cronsim`` 2.8, because activations in use must keep their times. Of 1,000 random
expressions (numbers, ascending ranges, lists, steps), 102 match at other times with ``cronsim``: it combines the day of
the month and the weekday with AND if one of them begins with a star, as in ``0 6 */2 * 1``. It refuses ranges that wrap
round (``fri-mon``), which are accepted today, and accepts ``LW`` and ``5L``, which are refused today. With a time zone,
it moves a skipped 02:30 to 03:00.
"""

from __future__ import annotations

import re
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterError, croniter

from app.core.suggestions import nearest

_LONGEST_EXPRESSION = 255
_LONGEST_CLOCK_CHANGE = timedelta(hours=3)
_DAY, _HOUR, _SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
_RANDOM = re.compile(r"(?<![a-z])r(?![a-z])", re.IGNORECASE)
_OWN_ZONES = frozenset(["Factory", "localtime", "posixrules"])
_OWN_FOLDERS = ("posix/", "right/")
_INSTANT = timedelta(microseconds=1)
_EVERY_HOURS = re.compile(r"\*(?:/(\d+))?")


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


def is_zone_everywhere(name: str) -> bool:
    """Return whether a time zone means the same on each host. ``localtime`` is the host's own, ``right/UTC`` counts leap seconds."""
    return is_zone(name) and name not in _OWN_ZONES and not name.startswith(_OWN_FOLDERS)


def zone_fault(name: str) -> str:
    """Return what is wrong with a name that is no time zone, and the zone that is meant, if one is nearly the same."""
    cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(available_timezones())}
    meant = nearest(name.replace(" ", "_").rpartition("/")[2], cities)
    hint = f" Did you mean {cities[meant]}?" if meant else ""
    return f"must be the name of a time zone, such as Europe/Berlin.{hint}"


def is_steady(expression: str) -> bool:
    """Return whether an expression always has the same times. The library draws those of ``R`` anew in each process."""
    return is_cron(expression) and _RANDOM.search(expression) is None


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> croniter:
    """Parse an expression once. Only copies walk, because a walk changes its object."""
    return croniter(expression, datetime(2026, 1, 1))  # noqa: DTZ001  local times without a zone


def next_match(expression: str, zone: str, after: datetime) -> datetime:
    """Return the first moment after ``after`` (aware) at which the expression matches the zone's clock, in UTC."""
    pace = _EVERY_HOURS.fullmatch(expression.split()[1])
    if pace:
        return _next_elapsed(expression, int(pace[1] or 1), ZoneInfo(zone), after)
    return _next_named(expression, ZoneInfo(zone), after)


def _next_named(expression: str, zone: ZoneInfo, after: datetime) -> datetime:
    """Find the next time of the clock. The search walks local times without a zone, which never jump."""
    start = after.astimezone(zone).replace(tzinfo=None) - _LONGEST_CLOCK_CHANGE
    walk = copy(_parsed(expression))
    walk.set_current(start, force=True)
    while True:
        local: datetime = walk.get_next(datetime)
        moment = _first(local, zone)
        if moment.astimezone(zone).replace(tzinfo=None) != local:
            moment = _end_of_gap(local, zone)
        if moment > after:
            return moment


def _next_elapsed(expression: str, hours: int, zone: ZoneInfo, after: datetime) -> datetime:
    """Find the next time of a pattern that fires every ``hours`` hours, counted from the beginning of its day."""
    day = after.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    if after < _first(day, zone):  # the clock was put back over midnight: that day has begun
        day -= _DAY
    if after >= _first(day + _DAY, zone):
        day += _DAY
    start, end = _first(day, zone), _first(day + _DAY, zone)
    passed = day + (after.astimezone(UTC) - start)
    while True:
        due = _next_local(expression, passed)
        if due < day + _DAY and start + (due - day) < end:
            return start + (due - day)
        if end - start > _DAY and _DAY // _HOUR % hours == 0:
            # The day's 25th hour repeats the minutes of its first one.
            due = _next_local(expression, max(passed - _DAY, day - _INSTANT))
            if due < day + _HOUR and start + (due + _DAY - day) < end:
                return start + (due + _DAY - day)
        passed = day + _DAY - _INSTANT
        day = _next_local(expression, passed).replace(hour=0, minute=0)
        start, end, passed = _first(day, zone), _first(day + _DAY, zone), day - _INSTANT


def _next_local(expression: str, after: datetime) -> datetime:
    walk = copy(_parsed(expression))
    walk.set_current(after, force=True)
    due: datetime = walk.get_next(datetime)
    return due


def _first(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first of two equal local times; for a skipped one, the time by the offset before the change."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _end_of_gap(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment of the clock change that skips a local time."""
    early = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    late = _first(local, zone)
    before = early.astimezone(zone).utcoffset()
    while late - early > _SECOND:
        middle = early + (late - early) // 2 // _SECOND * _SECOND
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late
