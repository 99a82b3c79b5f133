"""The frequency of an activation as its pages show it: a one-time send has no time before it is started."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.core.clock import in_words
from app.domain.frequency import Frequency
from app.domain.options import frequency_of

AT_START = "once, when you press Start"


def frequency_words(activation: Any, now: datetime, sent_at: datetime | None = None) -> str:
    """Return the frequency of an activation in words. ``sent_at`` is the time of its newest sync.

    The stored time of ``once`` without a time is that of the form, at which nothing is sent.
    """
    frequency = frequency_of(activation.options)
    if frequency.type != "once":
        return frequency.in_words()
    if waits_for_start(activation, now):
        return AT_START
    if activation.next_due_at is None and sent_at is not None:
        return f"once, at {in_words(sent_at)}"
    return frequency.in_words() if is_later(frequency, now) else "once"


def waits_for_start(activation: Any, now: datetime) -> bool:
    """Report whether a one-time send was not started, and has no time to wait for: its start sends it."""
    frequency = frequency_of(activation.options)
    is_due = activation.next_due_at is not None and not activation.enabled
    return frequency.type == "once" and is_due and not is_later(frequency, now)


def is_later(frequency: Frequency, now: datetime) -> bool:
    """Report whether a one-time send has a time that is still to come."""
    return frequency.moment is not None and frequency.moment > now
