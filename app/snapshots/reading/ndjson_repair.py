"""NDJSON files with byte order marks, half surrogates or long numbers, rewritten line by line so that the engine can read them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from app.core.long_numbers import has_long_number
from app.snapshots.reading.encodings import UTF8_MARK, whole_characters
from app.snapshots.reading.long_numbers import LONG_NUMBER, with_texts
from app.snapshots.reading.source import HALF

_CHUNK = 4 * 1024 * 1024
_LONGEST = 16 * 1024 * 1024  # bytes of a line; a longer one is refused later
#: Two halves that are a pair, or one half. It begins with a literal, so that the search is fast.
_ESCAPES = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[89a-fA-F][0-9a-fA-F]{2})"
)
_PAIR = 12  # bytes of two escapes
_HALF = re.compile("[\ud800-\udfff]")
_RAW_HALF = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")


def needs_repair(path: Path) -> bool:
    """Report whether a file has byte order marks, half surrogates or long numbers. Pairs of escapes need no repair."""
    rest = b""
    with path.open("rb") as file:
        while (piece := file.read(_CHUNK)) and len(rest) <= _LONGEST:
            block = rest + piece
            end = block.rfind(b"\n") + 1
            if _has_faults(block[:end]):
                return True
            rest = block[end:]
    return _has_faults(rest)


def _has_faults(block: bytes) -> bool:
    if not block.isascii() and (UTF8_MARK in block or _RAW_HALF.search(block)):
        return True
    if has_long_number(block):
        return True
    return any(_whole(found) != found.group() for found in _ESCAPES.finditer(block))


def _whole(found: re.Match[bytes]) -> bytes:
    """Return the escapes with U+FFFD for halves without a partner. After an odd number of backslashes there is no escape."""
    escapes, text, start = found.group(), found.string, found.start()
    before = start
    while before and text[before - 1 : before] == b"\\":
        before -= 1
    if (start - before) % 2:
        return escapes[:6] + rb"\ufffd" if len(escapes) == _PAIR else escapes
    return escapes if len(escapes) == _PAIR else rb"\ufffd"


def repair_ndjson(path: Path, out: Path) -> dict[str, dict[str, int]]:
    """Write a file without marks before its lines, with U+FFFD for half surrogates and texts for long numbers. Lines keep their numbers.

    Returns the number of changed values by column and reason.
    """
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    with path.open("rb") as file, out.open("wb") as target:
        for line in iter(lambda: file.readline(_LONGEST), b""):
            target.write(_repaired(line.removeprefix(UTF8_MARK), counts))
    return {column: dict(reasons) for column, reasons in counts.items()}


def _repaired(line: bytes, counts: dict[str, dict[str, int]]) -> bytes:
    if not _has_faults(line):
        return line
    line, columns = with_texts(line) if has_long_number(line) else (line, [])
    for column in columns:
        counts[column][LONG_NUMBER] += 1
    try:
        text = line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return line  # the engine's error names the line
    for column in _broken_columns(text):
        counts[column][HALF] += 1
    return _ESCAPES.sub(_whole, whole_characters(text).encode())


def _broken_columns(text: str) -> list[str]:
    """List the columns of a line whose values have a half surrogate."""
    try:
        row: Any = json.loads(text)
    except ValueError:
        return []  # the engine's error names the line
    values = row.items() if isinstance(row, dict) else ()
    return [
        column for column, value in values if _HALF.search(json.dumps(value, ensure_ascii=False))
    ]
