"""History thins out: all of a day is kept, then one of each hour, and after a week one of each day.

Example: a change each second leaves 86,400 snapshots of the last day, 144 of the six days before, and one of each earlier day.
"""

from __future__ import annotations

from datetime import timedelta

ALL_FOR = timedelta(days=1)
HOURLY_FOR = timedelta(days=7)


def days_of(kept: timedelta) -> list[timedelta]:
    """Return the ages at which the days begin that thin out. Example: 1 and 2 days of a history of 2.5 days."""
    return [timedelta(days=age) for age in range(ALL_FOR.days, -(-kept // timedelta(days=1)))]
