"""The UTF-8 form of text uploads in UTF-16 or UTF-32, recognised by their byte order mark, and in encodings that are named."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.core.errors import Invalid
from app.domain.charsets import CHARSETS

UTF8_MARK = codecs.BOM_UTF8
_CHUNK = 4 * 1024 * 1024
#: UTF-32 comes first, since its mark in little-endian begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def marked_encoding(path: Path) -> str:
    """Return the encoding that the first bytes of a file announce; without a mark ``utf-8``."""
    with path.open("rb") as file:
        first = file.read(4)
    return next((name for mark, name in _MARKS.items() if first.startswith(mark)), "utf-8")


def has_mark(path: Path) -> bool:
    """Report whether a file begins with the byte order mark of UTF-8."""
    with path.open("rb") as file:
        return file.read(3) == UTF8_MARK


def write_utf8(path: Path, encoding: str, out: Path) -> None:
    """Write a text in another encoding as UTF-8, with half surrogates of UTF-16 as they are. Raises Invalid for other faults."""
    with path.open("rb") as raw, out.open("wb") as target:
        target.writelines(_pieces(raw, encoding))


def _pieces(raw: BinaryIO, encoding: str) -> Iterator[bytes]:
    marked = encoding in _MARKS.values()
    codec = encoding if marked else CHARSETS[encoding]
    decoder = codecs.getincrementaldecoder(codec)("surrogatepass" if marked else "strict")
    lines, piece = 1, b"-"
    while piece:
        piece = raw.read(_CHUNK)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise _fault(error, encoding, lines) from None
        lines += text.count("\n")
        yield text.encode("utf-8", "surrogatepass")


def _fault(error: UnicodeDecodeError, encoding: str, lines: int) -> Invalid:
    """Return the fault of a piece of text that begins in the line ``lines``."""
    if encoding in _MARKS.values():
        words = "incomplete: the upload was cut off" if "trunc" in error.reason else "damaged"
        return Invalid(f"The text in {encoding.upper()} is {words}.")
    line = lines + error.object[: error.start].count(b"\n")
    return Invalid(
        f"Line {line} is not text in {encoding}: byte {error.object[error.start]:#04x} has no meaning there. Name the encoding "
        'that the file has, or save it as UTF-8 (in spreadsheets "CSV UTF-8").',
        data={"row": line},
    )


def whole_characters(text: str) -> str:
    """Join the halves of surrogate pairs; replace halves without a partner by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def has_half_character(value: object) -> bool:
    """Report whether a value has half a surrogate pair, or its replacement."""
    return (
        isinstance(value, str)
        and re.search("[\ud800-\udfff\ufffd]", whole_characters(value)) is not None
    )
