"""The next times of a schedule, on the clock of its zone, with changes of the clock marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.domain.frequency import Frequency, next_due

SHOWN = 3


@dataclass(frozen=True, slots=True)
class NextTime:
    """One time: the moment, its text on the zone's clock, and whether the clock has changed since the time before."""

    moment: datetime
    local: str
    has_changed_clock: bool


def next_times(frequency: Frequency, now: datetime) -> Sequence[NextTime]:
    """Return the next three times of a frequency that goes by the clock; none for one that follows runs, or its start."""
    if frequency.type == "once":
        due = next_due(frequency, now)
        return marked([due], frequency.zone, now) if due is not None else ()
    return times_of(lambda after: next_due(frequency, after), frequency.zone, now)


def times_of(
    following: Callable[[datetime], datetime | None], zone: str, now: datetime
) -> Sequence[NextTime]:
    """Return the next three times. ``following`` returns the first one after a moment."""
    found: list[datetime] = []
    while len(found) < SHOWN:
        due = following(found[-1] if found else now)
        if due is None:
            break
        found.append(due)
    return marked(found, zone, now)


def marked(moments: Sequence[datetime], zone: str, now: datetime) -> Sequence[NextTime]:
    """Return moments with their text in a zone. The first one is compared with now."""
    clock = ZoneInfo(zone)
    times, before = [], now.astimezone(clock).utcoffset()
    for moment in moments:
        local = moment.astimezone(clock)
        text = local.strftime("%a %-d %b %Y, %H:%M %Z")
        times.append(NextTime(moment, text, local.utcoffset() != before))
        before = local.utcoffset()
    return times
