"""How pages write numbers, times and durations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

NOTHING = "\N{EN DASH}"
_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def number(value: float | None) -> str:
    """Return ``1,204``, or a dash for None."""
    return NOTHING if value is None else f"{value:,}"


def size(count: int) -> str:
    """Return ``1 MiB`` or ``1,234 bytes``: the largest unit of which the number is a multiple."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count and count % (1 << power) == 0:
            return f"{count >> power:,} {unit}"
    return f"{count:,} bytes"


def with_unit(value: str, unit: str) -> str:
    """Return a value of ``bytes`` or ``seconds`` as a person writes it; a number without a unit gets commas."""
    if unit == "bytes":
        return size(int(value))
    if unit == "seconds":
        return duration(timedelta(seconds=float(value)))
    return f"{int(value):,}" if value.isdecimal() else value


def signed(value: int) -> str:
    """Return ``+120``, ``-1,204`` or ``0``."""
    return f"{value:+,}" if value else "0"


def utc_text(moment: datetime) -> str:
    """Return ``2026-01-31 12:00:05 UTC``, which the title of each time shows."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def short_time(moment: datetime) -> str:
    """Return ``31 Jan 2026, 12:00 UTC``; scripts replace it by the time in the viewer's zone."""
    return moment.astimezone(UTC).strftime("%-d %b %Y, %H:%M UTC")


def duration(span: timedelta | None) -> str:
    """Return ``250 ms``, ``4 s``, ``2 min 5 s`` or ``3 h 20 min``; a dash for None."""
    if span is None:
        return NOTHING
    seconds = max(span.total_seconds(), 0)
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole, found = int(seconds), []
    for name, size in _UNITS:
        count, whole = divmod(whole, size)
        if count:
            found.append(f"{count} {name}{'s' if name == 'day' and count > 1 else ''}")
    return " ".join(found[:2])


def distance(moment: datetime, now: datetime) -> str:
    """Return the distance from now in words: ``4 min ago``, ``in 2 h``, ``just now``."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 5:
        return "just now" if seconds <= 0 else "now"
    for name, size in _UNITS:
        if abs(seconds) >= size:
            count = int(abs(seconds) // size)
            text = f"{count} {name}{'s' if name == 'day' and count > 1 else ''}"
            break
    else:
        text = "1 s"
    return f"{text} ago" if seconds < 0 else f"in {text}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 batch`` or ``1,204 batches``."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def last_ones(count: int, one: str) -> str:
    """Return ``last sync``, or ``last 14 syncs``."""
    return f"last {one}" if count == 1 else f"last {plural(count, one)}"


def percent(part: float, whole: float) -> float:
    """Return a share in percent with one decimal, 0 of nothing."""
    return round(part * 100 / whole, 1) if whole else 0


def lower_first(label: str) -> str:
    """Return a label as it is written within a sentence: ``secret``, but ``API key``."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def with_chosen(choices: Sequence[str], chosen: str) -> Sequence[str]:
    """Return choices with a chosen one that is not among them."""
    return choices if not chosen or chosen in choices else [*choices, chosen]


def with_own(choices: Mapping[str, str], minutes: str) -> Mapping[str, str]:
    """Return ``{minutes: words}`` with a number of minutes that is not among them."""
    return (
        choices if not minutes or minutes in choices else {**choices, minutes: f"{minutes} minutes"}
    )


def has_fault(faults: Mapping[str, Sequence[str]], *prefixes: str) -> bool:
    """Return whether a field whose name begins with one of the prefixes has a fault."""
    return any(field.startswith(prefixes) for field in faults)


def as_json(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON with its characters as they are; the template escapes them for the page."""
    return json.dumps(value, ensure_ascii=False, indent=indent)
