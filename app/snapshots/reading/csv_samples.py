"""The beginning of a text upload, from which the dialect is found, and faults of bytes that are no text."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import Invalid
from app.snapshots.reading.charset_detection import likely_words, probable_charsets
from app.snapshots.reading.source import MAX_LINE

_CHUNK = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a text without its byte order mark. ``whole``: the text has no more than that."""

    text: str
    whole: bool


def read_sample(path: Path) -> Sample:
    """Read the beginning of a file in UTF-8. Raises Invalid, with the line, if it is another encoding or has NUL bytes."""
    with path.open("rb") as file:
        first = file.read(MAX_LINE)
        whole = not file.read(1)
    if b"\0" in first:
        raise nul_fault(path, first.find(b"\0"))
    try:
        # A character that the limit cuts in two is left out.
        decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
        text = decoder.decode(first, final=whole)
    except UnicodeDecodeError as error:
        raise not_utf8(path, lines_in(first[: error.start]) + 1) from None
    return Sample(text.lstrip("\ufeff"), whole)


def lines_in(piece: bytes) -> int:
    """Count the line ends in a piece of a file: LF, CR LF or CR."""
    return piece.count(b"\n") + piece.count(b"\r") - piece.count(b"\r\n")


def line_at(path: Path, offset: int) -> int:
    """Return the number of the line that has the byte at an offset. Reads the file again, which only a fault is worth."""
    line = 1
    with path.open("rb") as file:
        while offset > 0 and (piece := file.read(min(offset, _CHUNK))):
            if piece.endswith(b"\r") and len(piece) < offset:  # the next piece may begin with LF
                piece += file.read(1)
            line, offset = line + lines_in(piece), offset - len(piece)
    return line


def not_utf8(path: Path, line: int) -> Invalid:
    """Return the fault of a line in another encoding, with the encodings that the file probably has."""
    likely = likely_words(probable_charsets(path))
    return Invalid(
        f"Line {line} is not UTF-8 text.{likely} Name its encoding, or let it be detected (charset=detect), "
        'or save the file as UTF-8 (in spreadsheets "CSV UTF-8").',
        data={"row": line},
    )


def nul_fault(path: Path, offset: int) -> Invalid:
    """Return the fault of a NUL byte at an offset."""
    line = line_at(path, offset)
    with path.open("rb") as file:
        first = file.read(200)
    hint = ""
    if first.count(0) > len(first) // 3:
        hint = ' This looks like UTF-16 without its byte order mark; save the file as "CSV UTF-8".'
    return Invalid(f"Line {line} has a NUL byte.{hint}", data={"row": line})


def long_line(line: int) -> Invalid:
    """Return the fault of a line or value that is too long."""
    return Invalid(f"Line {line} is longer than {MAX_LINE:,} bytes.", data={"row": line})
