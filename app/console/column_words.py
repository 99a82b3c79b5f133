"""Columns of uploads and datasets in words: types as people call them, and examples of values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.console.words import as_json

MOST_EXAMPLES = 3
_LONGEST = 40  # characters of an example
_WORDS = {
    "VARCHAR": "text",
    "UUID": "text",
    "ENUM": "text",
    "TINYINT": "whole number",
    "SMALLINT": "whole number",
    "INTEGER": "whole number",
    "BIGINT": "whole number",
    "HUGEINT": "whole number",
    "DECIMAL": "number",
    "DOUBLE": "number",
    "FLOAT": "number",
    "BOOLEAN": "true or false",
    "DATE": "date",
    "TIME": "time of the day",
    "TIMESTAMP": "date and time",
    "INTERVAL": "length of time",
    "STRUCT": "object",
    "MAP": "object",
    "JSON": "object",
    "BLOB": "bytes",
    # Types of the fields of actions
    "STRING": "text",
    "TEXT": "text",
    "PASSWORD": "secret text",
    "NUMBER": "number",
    "OBJECT": "object",
    "DATETIME": "date and time",
    "HIDDEN": "set by the service",
}


def type_words(kind: str) -> str:
    """Return a type of the engine as people call it: ``DECIMAL(18, 2)`` is a number. A type that is not known stays as it is."""
    if kind.endswith("]"):
        return f"list of {type_words(kind.rpartition('[')[0])}"
    name = re.split(r"[^A-Z]", kind.upper(), maxsplit=1)[0]
    plain = _WORDS.get(name) or _WORDS.get(name.removeprefix("U"))
    return plain or ("date and time" if name.startswith("TIMESTAMP") else kind.lower())


def examples(rows: Iterable[Mapping[str, Any]], column: str) -> Sequence[str]:
    """Return up to three different values of a column, as texts of at most 40 characters. Rows are ``{column: value}``."""
    found: dict[str, None] = {}
    for row in rows:
        if column in row and len(found) < MOST_EXAMPLES:
            found[_short(row[column])] = None
    return list(found)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else as_json(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def converted_to(conversion: str) -> str:
    """Return in words the type that the expression of a conversion yields: ``number`` or ``date``."""
    return type_words(conversion.rpartition(" AS ")[2].rstrip(")"))
