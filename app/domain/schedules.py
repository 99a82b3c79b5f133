"""When an audience is computed by itself: reading a schedule, and the next moment at which it is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.core.errors import Problem

INTERVALS = {
    "15m": timedelta(minutes=15),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "2h": timedelta(hours=2),
    "4h": timedelta(hours=4),
    "6h": timedelta(hours=6),
    "8h": timedelta(hours=8),
    "12h": timedelta(hours=12),
    "1d": timedelta(days=1),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_DAYS = 8  # a week, and one more for a day whose only hour was before ``after``


def problems_of(strategy: str, config: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a schedule; fields are named below ``config``. Keys that are not read are no fault."""
    if strategy == "PERIODIC":
        if isinstance(config.get("interval"), str) and config["interval"] in INTERVALS:
            return []
        return [Problem(f'"config.interval": one of {", ".join(INTERVALS)}', "config.interval")]
    if strategy == "SPECIFIC_DAYS":
        found = [_numbers(config, "days", 6), _numbers(config, "hours", 23), _zone(config)]
        return [problem for problem in found if problem]
    return [Problem('"strategy": PERIODIC or SPECIFIC_DAYS', "strategy")]


def normal(strategy: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A faultless configuration without foreign keys, days and hours sorted and once each."""
    if strategy == "PERIODIC":
        return {"interval": config["interval"]}
    return {
        "days": sorted(set(config["days"])),
        "hours": sorted(set(config["hours"])),
        "timezone": config["timezone"],
    }


def next_due(config: Mapping[str, Any], after: datetime) -> datetime:
    """The first moment after ``after`` (aware) at which a faultless schedule is due, in UTC.

    Intervals count from midnight UTC of 1970-01-01, so a restart does not shift them. Days and hours are those of
    the schedule's own clock: an hour that the clock skips in spring is due when it has moved on, one that it repeats
    in autumn is due once, the first time.
    """
    if "interval" in config:
        step = INTERVALS[config["interval"]]
        return _EPOCH + (((after - _EPOCH) // step) + 1) * step
    zone = ZoneInfo(config["timezone"])
    first = after.astimezone(zone).date() - timedelta(days=1)
    candidates = (
        _moment(day, hour, zone)
        for offset in range(_MOST_DAYS + 2)
        for day in (first + timedelta(days=offset),)
        if _weekday(day) in config["days"]
        for hour in config["hours"]
    )
    return min(moment for moment in candidates if moment > after)


def _moment(day: date, hour: int, zone: ZoneInfo) -> datetime:
    # fold=0: of a repeated hour the first; of a skipped one the offset before the change, which lands behind the gap.
    return datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)


def _weekday(day: date) -> int:
    """0 is Sunday."""
    return (day.weekday() + 1) % 7


def _numbers(config: Mapping[str, Any], name: str, most: int) -> Problem | None:
    values = config.get(name)
    fine = (
        isinstance(values, list)
        and 1 <= len(values) <= (most + 1)
        and all(type(value) is int and 0 <= value <= most for value in values)
    )
    if fine:
        return None
    return Problem(f'"config.{name}": a list of numbers from 0 to {most}', f"config.{name}")


def _zone(config: Mapping[str, Any]) -> Problem | None:
    name = config.get("timezone")
    try:
        if isinstance(name, str) and name:
            ZoneInfo(name)
            return None
    except (OSError, ValueError, LookupError):
        # Odd names reach the file system, which has faults of its own for them.
        pass
    return Problem('"config.timezone": a name such as Europe/Berlin', "config.timezone")
