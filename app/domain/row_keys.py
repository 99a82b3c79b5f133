"""The key of a row, which tells people apart: its SQL, which rows have none, and which one no member can have as its id."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from app.domain.absent_words import ABSENT_WORDS, word_of

_BLANK = r"\s\p{Z}\p{C}"
_BLANKS = f"[{_BLANK}]*"
# Tabs and line ends at the ends of a key do not count: they are removed.
_CONTROL = rf"(?s)[\x00-\x08\x0e-\x1f\x7f]|[^{_BLANK}].*[\x09-\x0d].*[^{_BLANK}]"


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """What a column of a dataset is as a key: rows, those without a value, and values that occur in more than one row.

    ``unusable``: rows whose value no member can have as its id, because it has a control character.
    """

    rows: int
    missing: int
    repeated: int
    unusable: int = 0

    @property
    def is_unique(self) -> bool:
        """Whether there are values, and each is in one row."""
        return not self.repeated and self.missing + self.unusable < self.rows


def row_key_sql(column: str, *, is_address: bool) -> str:
    """Return the expression of a key. ``column`` is the quoted name; e-mail addresses are equal in any case."""
    key = f"trim(CAST({column} AS VARCHAR))"
    return f"lower({key})" if is_address else key


def has_key_sql(key: str, words: Collection[str] = ()) -> str:
    """Return the condition that a row has a key that a member can have. ``words`` are a space's own for "no value"."""
    return f"{has_value_sql(key, words)} AND {is_usable_sql(key)}"


def is_usable_sql(key: str) -> str:
    """Return the condition that a key has no control character."""
    return f"NOT regexp_matches({key}, '{_CONTROL}')"


def has_value_sql(key: str, words: Collection[str] = ()) -> str:
    """Return the condition that a key is a value: neither empty nor a word for "no value". ``words`` are a space's own."""
    own = (re.escape(word) for word in set(map(word_of, words)))
    absent = "|".join(sorted({*map(re.escape, ABSENT_WORDS), *map(_in_any_case, own)}))
    pattern = f"{_BLANKS}({absent})?{_BLANKS}".replace("'", "''")
    return f"NOT regexp_full_match({key}, '{pattern}', 'i')"


def _in_any_case(pattern: str) -> str:
    """Return the pattern of a word, in lower case, that matches what ``word_sql`` does: also İ and ς, which RE2 does not fold.

    A word without these letters stays as it is: people read it in their definitions.
    """
    return pattern.replace("i", "(?:i\u0307|[i\u0130])").replace("\u03c3", "[\u03c3\u03c2]")
