"""What a user can say about a file of text: its delimiter and its encoding. Uploads and files that runs read have the same options."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.core.errors import Problem
from app.domain.charsets import CHARSETS
from app.domain.file_formats import FileFormat

DELIMITERS: Mapping[str, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
SHOWN_FORMATS: Mapping[FileFormat, str] = {"csv": "CSV", "ndjson": "NDJSON", "parquet": "Parquet"}
_NO_DELIMITERS = "\"' \r\n\0\ufeff"
_UNICODE = re.compile(r"utf-?8|utf-?(16|32)([lb]e)?|us-ascii")


def read_delimiter(text: str) -> str:
    """Return the delimiter that a text names, in words or as one character. Raises ValueError, naming what is accepted."""
    delimiter = DELIMITERS.get(text.strip().lower(), text)
    if len(delimiter) != 1 or delimiter.isalnum() or delimiter in _NO_DELIMITERS:
        raise ValueError(
            "must be comma, semicolon, tab, pipe or one other character (no letter, digit, quote or blank)"
        )
    return delimiter


def read_charset(name: str) -> str | None:
    """Return the encoding that a name means, a key of ``CHARSETS``. None: Unicode, which is recognised. Raises ValueError, naming what is accepted."""
    plain = name.strip().lower()
    if _UNICODE.fullmatch(plain):
        return None
    if plain not in CHARSETS:
        raise ValueError(
            f"the charset {plain} is not read; send utf-8, utf-16 with a byte order mark, or one of {', '.join(sorted(CHARSETS))}"
        )
    return plain


def misplaced_option(
    form: FileFormat, delimiter: str | None, charset: str | None
) -> Problem | None:
    """Return a problem for an option that files of a format do not have, so that it would have no effect, or None."""
    if delimiter is not None and form != "csv":
        return Problem(
            f"is for CSV files, and this file is {SHOWN_FORMATS[form]}; leave it out", "delimiter"
        )
    if charset is not None and form == "parquet":
        return Problem("is for files of text, and this file is Parquet; leave it out", "charset")
    return None
