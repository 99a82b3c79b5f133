"""Words that PostgreSQL reads as the clock if a text becomes a date or a time: ``'today'``, ``'now'``."""

from __future__ import annotations

import re

_WORD = re.compile(r"(?<![a-z_])(?:now|today|tomorrow|yesterday)(?![a-z_])", re.IGNORECASE)
_ALONE = re.compile(r"\s*(?:now|today|tomorrow|yesterday)\s*", re.IGNORECASE)


def is_clock_word(text: str) -> bool:
    """Report whether a text is such a word, with or without blanks around it."""
    return _ALONE.fullmatch(text) is not None


def has_clock_word(text: str) -> bool:
    """Report whether a text has such a word, as ``tomorrow 12:00`` and the array ``{today}`` have."""
    return _WORD.search(text) is not None
