"""The current time in UTC, and times on the wire (RFC 3339)."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, timezone-aware, in UTC."""
    return datetime.now(UTC)


def to_wire(moment: datetime) -> str:
    """Format a time as RFC 3339 in UTC with milliseconds, such as ``2026-01-31T12:00:00.000Z``."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def in_words(moment: datetime) -> str:
    """Write a time for a sentence, such as ``2026-01-31 12:00 UTC``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def from_wire(text: str) -> datetime:
    """Parse an RFC 3339 time to UTC. Raises ValueError if it is malformed or has no offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the time needs an offset, as in 2026-01-31T12:00:00Z")
    return moment.astimezone(UTC)
