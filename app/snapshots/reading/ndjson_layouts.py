"""Layouts of JSON that are not one object per line, each with the way to write one object per line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_BEGIN = 1024 * 1024  # bytes in which the first value must end to be recognised
_ARRAY = re.compile(r"\[\s*(?:\{|\]|$)")
_VALUE = re.compile(r"""[\["]|(?:null|true|false|-?\d+)\s""")
_ONE = "NDJSON is one JSON object per line"
_WAY = "convert the file with: jq -c '{}' file.json"


def wrong_layout(path: Path, line: int, start: int, *, first: bool) -> str | None:
    """Return the fault of a file in words, if the line that begins at byte ``start`` shows that it has another layout.

    ``first``: no row is before this line.
    """
    text, whole = _beginning(path, start)
    plain = text.lstrip("\ufeff \t\r\n\x1e")
    if first and _ARRAY.match(plain):
        return f"Line {line} begins a JSON array. {_ONE}: {_WAY.format('.[]')}."
    if text.startswith("\x1e"):
        return f"Line {line} begins with a record separator (RFC 7464). {_ONE}: remove these characters, for example with tr -d '\\036'."
    if plain.startswith("<"):
        return f"Line {line} begins like a web page or an XML file. {_ONE}."
    if plain.startswith("{"):
        return _of_object(plain, line, whole)
    if first and plain and not _VALUE.match(plain):
        return f'Line {line} is not JSON. {_ONE}, such as {{"profile_id": "u1"}}; a CSV file is sent as text/csv.'
    return None


def _beginning(path: Path, start: int) -> tuple[str, bool]:
    """Return the text from a byte on, cut after ``_BEGIN`` bytes, and whether it is not cut."""
    with path.open("rb") as file:
        file.seek(start)
        found = file.read(_BEGIN)
        return found.decode(errors="replace"), not file.read(1)


def _of_object(text: str, line: int, whole: bool) -> str | None:
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return _of_long_object(text, line) if not whole else None
    lines, after = text[:end].count("\n"), text[end:].lstrip(" \t\r")
    if lines and (key := list_of_rows(value)):
        return f"Line {line} begins an object with a list of rows. {_ONE}: {_WAY.format(_inside(key))}."
    if lines:
        return f"The object in line {line} has {lines + 1} lines. {_ONE}: {_WAY.format('.')}."
    if after.startswith("{"):
        return f"Line {line} has several objects. {_ONE}: {_WAY.format('.')}."
    if after[:1] in {",", ";"}:
        return f'Line {line} has "{after[0]}" after its object. {_ONE}, without anything between the lines.'
    return None


def _of_long_object(text: str, line: int) -> str | None:
    """Recognise an object that begins with a list of rows, and does not end within the beginning of the file."""
    found = re.match(r'\{\s*("(?:[^"\\]|\\.)*")\s*:\s*\[\s*\{', text)
    if found is None:
        return None
    key = json.loads(found.group(1))
    return f"Line {line} begins an object with a list of rows. {_ONE}: {_WAY.format(_inside(key))}."


def list_of_rows(row: Any) -> str | None:
    """Return the key of an object whose value is its only list of objects, or None."""
    if not isinstance(row, dict):
        return None
    keys = [
        key
        for key, value in row.items()
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
    ]
    return keys[0] if len(keys) == 1 else None


def _inside(key: str) -> str:
    return f".{key}[]" if re.fullmatch(r"[A-Za-z_]\w*", key) else f".[{json.dumps(key)}][]"


def rows_within(path: Path) -> str | None:
    """Return in words where the rows of a file are, if its first line is an object with one list of objects."""
    with path.open("rb") as file:
        line = file.readline(_BEGIN)
    try:
        key = list_of_rows(json.loads(line.decode("utf-8-sig")))
    except ValueError:
        return None
    if key is None:
        return None
    return f"The rows seem to be in the list {key[:100]}. {_ONE}: {_WAY.format(_inside(key))}."
