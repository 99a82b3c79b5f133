"""Schedules of audiences: validation, and the next time at which one is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.errors import Problem
from app.domain.local_time import is_zone_everywhere, next_match, zone_fault

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
_INTERVAL_WORDS = {
    "15m": "every 15 minutes",
    "30m": "every 30 minutes",
    "1h": "every hour",
    "1d": "every day at 00:00 (UTC)",
    **{f"{hours}h": f"every {hours} hours" for hours in (2, 4, 6, 8, 12)},
}
_DAY_NAMES = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def problems_of(strategy: str, config: Mapping[str, Any]) -> list[Problem]:
    """Return the faults of a schedule. Their fields begin with ``config``. Unknown keys are ignored."""
    if strategy == "PERIODIC":
        if isinstance(config.get("interval"), str) and config["interval"] in INTERVALS:
            return []
        return [Problem(f"must be one of {', '.join(INTERVALS)}", "config.interval")]
    if strategy == "SPECIFIC_DAYS":
        days = _numbers(config, "days", 6, ", where 0 is Sunday")
        found = [days, _numbers(config, "hours", 23), _zone(config)]
        return [problem for problem in found if problem]
    return [Problem("must be PERIODIC or SPECIFIC_DAYS", "strategy")]


def normal(strategy: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Normalise a valid configuration: unknown keys are removed, days and hours are sorted, without duplicates.

    Returns ``{interval}`` or ``{days, hours, timezone}``.
    """
    if strategy == "PERIODIC":
        return {"interval": config["interval"]}
    return {
        "days": sorted(set(config["days"])),
        "hours": sorted(set(config["hours"])),
        "timezone": config["timezone"],
    }


def next_due(config: Mapping[str, Any], after: datetime) -> datetime:
    """Return the first time after ``after`` (timezone-aware) at which a valid schedule is due, in UTC.

    Intervals count from midnight UTC of 1970-01-01, so a restart does not shift them. Days (0 is Sunday) and hours
    are in the time zone of the schedule.
    """
    if "interval" in config:
        step = INTERVALS[config["interval"]]
        return _EPOCH + (((after - _EPOCH) // step) + 1) * step
    days, hours = (",".join(map(str, config[name])) for name in ("days", "hours"))
    return next_match(f"0 {hours} * * {days}", config["timezone"], after)


def in_words(config: Mapping[str, Any]) -> str:
    """Return a valid schedule as people read it: ``every 15 minutes``, ``Mon, Wed at 06:00, 18:00 (Europe/Berlin)``."""
    if "interval" in config:
        return _INTERVAL_WORDS[config["interval"]]
    days, hours = config["days"], config["hours"]
    named = "daily" if len(days) == len(_DAY_NAMES) else ", ".join(_DAY_NAMES[day] for day in days)
    return f"{named} at {', '.join(f'{hour:02}:00' for hour in hours)} ({config['timezone']})"


def _numbers(config: Mapping[str, Any], name: str, most: int, meaning: str = "") -> Problem | None:
    values = config.get(name)
    fine = (
        isinstance(values, list)
        and 1 <= len(values) <= (most + 1)
        and all(type(value) is int and 0 <= value <= most for value in values)
    )
    if fine:
        return None
    return Problem(f"must be a list of numbers from 0 to {most}{meaning}", f"config.{name}")


def _zone(config: Mapping[str, Any]) -> Problem | None:
    name = config.get("timezone")
    if isinstance(name, str) and is_zone_everywhere(name):
        return None
    fault = zone_fault(name) if isinstance(name, str) else zone_fault("")
    return Problem(fault, "config.timezone")
