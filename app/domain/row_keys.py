"""The key of a row, which tells people apart: its SQL, and which rows have none."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from app.domain.absent_words import ABSENT_WORDS

_BLANKS = r"[\s\p{Z}\p{C}]*"


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """What a column of a dataset is as a key: rows, those without a value, and values that occur in more than one row."""

    rows: int
    missing: int
    repeated: int

    @property
    def is_unique(self) -> bool:
        """Whether there are values, and each is in one row."""
        return not self.repeated and self.missing < self.rows


def row_key_sql(column: str, *, is_address: bool) -> str:
    """Return the expression of a key. ``column`` is the quoted name; e-mail addresses are equal in any case."""
    key = f"trim(CAST({column} AS VARCHAR))"
    return f"lower({key})" if is_address else key


def has_key_sql(key: str, words: Collection[str] = ()) -> str:
    """Return the condition that a key is a value: neither empty nor a word for "no value". ``words`` are a space's own."""
    absent = "|".join(map(re.escape, sorted({*ABSENT_WORDS, *words})))
    pattern = f"{_BLANKS}({absent})?{_BLANKS}".replace("'", "''")
    return f"NOT regexp_full_match({key}, '{pattern}', 'i')"
