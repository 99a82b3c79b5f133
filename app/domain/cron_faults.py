"""What is wrong with a cron expression: which of its five fields, and what the field may be."""

from __future__ import annotations

from app.domain.local_time import is_cron, is_steady

_FIELDS = (
    ("minute", "a number from 0 to 59"),
    ("hour", "a number from 0 to 23"),
    ("day of the month", "a number from 1 to 31, or L for the last day"),
    ("month", "a number from 1 to 12, or a name such as jan"),
    ("day of the week", "a number from 0 to 7, where 0 and 7 are Sunday, or a name such as mon"),
)
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_LONGEST = 255
_SHOWN = 40


def cron_fault(expression: str) -> str:
    """Return what is wrong with an expression, or an empty text. ``61 * * * *`` has the minute 61."""
    if is_steady(expression):
        return ""
    parts = expression.split()
    if len(expression) > _LONGEST or len(parts) != len(_FIELDS):
        return _miscounted(expression, parts)
    for position, part in enumerate(parts):
        alone = ["*"] * len(_FIELDS)
        alone[position] = part
        if not is_cron(" ".join(alone)):
            name, choices = _FIELDS[position]
            return f"has the {name} {part[:_SHOWN]}; it must be {choices}, or *, a list or a range of these"
    if is_cron(expression):
        return "has a random time (R), which would differ from process to process; choose a number"
    return "never matches: no such day is in such a month"


def _miscounted(expression: str, parts: list[str]) -> str:
    names = ", ".join(name for name, _ in _FIELDS)
    words = f"must have five fields, not {len(parts)}: {names}; seconds and years are not supported"
    meant = _NICKNAMES.get(expression.strip().lower())
    return f"{words}. Write {meant}" if meant else f"{words}. Example: 30 6 * * 1-5"
