"""The records of a CSV file as Python's csv module reads them, with the lines of the file in which they begin."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from app.core.errors import Invalid
from app.domain.text_forms import trimmed
from app.snapshots.reading.csv_dialects import FoundDialect, csv_reader
from app.snapshots.reading.csv_escapes import EscapedQuotes
from app.snapshots.reading.encodings import whole_characters
from app.snapshots.reading.source import MAX_LINE, refuse_repeated

_MARK = "\ufeff"
_LINE_BREAKS = re.compile(r"(?<!\s)[^\S\r\n]*[\r\n]\s*")  # tried once for each row of blanks
_ESCAPED = (
    "has a quote within a value that is not in quotes, and the value in quotes before it ends with a backslash: quotes seem "
    "to be escaped by backslashes. Write a quote within a quoted value twice (MySQL: ESCAPED BY '\"', Redshift: UNLOAD … CSV, "
    "Spark: escape '\"')"
)
_FAULTS = {
    "unexpected end of data": "has a quoted value without its closing quote",
    "field limit": f"is longer than {MAX_LINE:,} bytes, or has a quoted value without its closing quote",
    "expected after": "has text after a closing quote; within a quoted value, a quote is written twice, without a backslash",
}


class CsvRecords:
    """Iterates over the records after the header, each as wide as ``names``. Raises Invalid, with the line, for faults.

    Skipped and counted: records without any value, and records that repeat the header. Left out: byte order marks before
    records, a line ``sep=``, and empty cells after the last column. Half surrogates are kept.
    """

    def __init__(self, path: Path, found: FoundDialect) -> None:
        self.dialect = found.dialect
        self.names: list[
            str
        ] = []  # of the columns; "" is a column without a name and without values
        self.line = 0  # where the current record begins
        self.size = 0  # characters read so far
        self.ends: dict[
            str, None
        ] = {}  # of records: LF, CRLF and CR, in the order in which they were found
        self.skipped: Counter[str] = Counter()
        self._path, self._sep_line = path, found.sep_line
        self.starts: set[str] = set()  # values with which a repeated header may begin
        self._read, self._last, self._begins = 0, "", True
        self._lines_read: list[str] = []  # of the current record
        self._second_file: str | None = None  # a byte order mark and the line of the header

    def read_header(self) -> bool:
        """Read only the header into ``names``. Returns whether it is the first line, and every column has a name."""
        with self._open() as file:
            self._begin(file)
        return self._read == self.line == 1 and all(self.names)

    def __iter__(self) -> Iterator[list[str]]:
        """Read the file from its beginning."""
        with self._open() as file:
            records = self._begin(file)
            plain = len(self.names) if all(self.names) else -1
            for record in records:
                if record[0] in self.starts and self._repeats_header(record):
                    self.skipped["repeated_header"] += 1
                else:
                    yield record if len(record) == plain else self._fitted(record)

    def _open(self) -> TextIO:
        return self._path.open(encoding="utf-8", errors="surrogatepass", newline="")

    def _begin(self, file: TextIO) -> Iterator[list[str]]:
        """Read the header. Returns the iterator of the further records that have values."""
        self.skipped.clear()
        records = self._filled(file)
        header = next((record for record in records if any(_names(record))), None)
        if header is None:
            raise Invalid("The file has only empty lines; it needs a header.", data={"row": 1})
        self.names = _names(header)
        refuse_repeated([name for name in self.names if name])
        self.starts = {*header, *self.names} - {""}
        refuse_repeated([name for name in self.names if name])
        self._second_file = _MARK + self._last.rstrip("\r\n")
        return records

    def _filled(self, file: TextIO) -> Iterator[list[str]]:
        reader = csv_reader(self._lines(file), self.dialect)
        escapes = EscapedQuotes(self.dialect)
        while True:
            self.line, self._begins = self._read + 1, True
            try:
                record: list[str] | None = next(reader, None)
            except csv.Error as error:
                raise self._fault(str(error)) from None
            if record is None:
                return
            if escapes.found_in(self._lines_read):
                raise Invalid(f"Line {self.line} {_ESCAPED}.", data={"row": self.line})
            if any(record) and (len(record) > 1 or len(self.names) == 1 or record[0].strip()):
                self._note_end()
                yield record
            else:
                self.skipped["empty_row"] += 1

    def _lines(self, file: TextIO) -> Iterator[str]:
        for number, line in enumerate(file, 1):
            self._read = number
            self.size += len(line)
            if number == 1 and self._sep_line:
                self.line = 2
                continue
            for part in self._parts(line):
                self._last = part.lstrip(_MARK) if self._begins else part
                if self._begins:
                    self._lines_read.clear()
                self._lines_read.append(self._last)
                self._begins = False
                yield self._last

    def _parts(self, line: str) -> list[str]:
        """Divide a line in which a second file begins, because the last line before it has no line end."""
        if self._second_file is None or self._second_file not in line:
            return [line]
        before, _, after = line.partition(self._second_file)
        divided = before.strip(_MARK) and not after.strip("\r\n")
        return [before + "\n", self._second_file + after] if divided else [line]

    def _note_end(self) -> None:
        end = self._last[-2:]
        if end == "\r\n":
            self.ends["CRLF"] = None
        elif end[-1:] == "\n":
            self.ends["LF"] = None
        elif end[-1:] == "\r":
            self.ends["CR"] = None

    def _repeats_header(self, record: list[str]) -> bool:
        """Report whether a record has the names of the header. Raises Invalid if they are in another order."""
        names = _names(record)
        if names[: len(self.names)] == self.names and not any(record[len(self.names) :]):
            return True
        if sorted(filter(None, names)) != sorted(filter(None, self.names)):
            return False
        raise Invalid(
            f"Line {self.line} looks like the header of a second file, with its columns in another order. Upload the files "
            "one by one, or give them the same columns.",
            data={"row": self.line},
        )

    def _fitted(self, record: list[str]) -> list[str]:
        """Return a record without empty cells after the last column. Raises Invalid if it has too few or too many cells.

        Cells of columns without a name may be missing at the end, and have blanks only.
        """
        expected, found = len(self.names), len(record)
        if found < expected and not any(self.names[found:]):
            record = record + [""] * (expected - found)
        elif found < expected:
            column = self.names[found] or f"column {found + 1}"
            raise Invalid(
                f"Line {self.line} has {found} of {expected} columns; {column} is missing.",
                data={"row": self.line, "column": column},
            )
        if any(record[expected:]):
            words = f"Line {self.line} has {found} columns, the header {expected}."
            words += " A value that contains the delimiter is written in double quotes."
            raise Invalid(words, data={"row": self.line})
        for place, name in enumerate(self.names):
            if not name and record[place].strip():
                raise self._no_name(place)
        return record[:expected]

    def _no_name(self, place: int) -> Invalid:
        return Invalid(
            f"Column {place + 1} of the header has no name, but line {self.line} has a value in it. Give the column a name in "
            "the header, or leave it out of the file (pandas: to_csv(…, index=False)).",
            data={"row": self.line},
        )

    def _fault(self, message: str) -> Invalid:
        told = (words for part, words in _FAULTS.items() if part in message)
        words = next(told, f"cannot be read as CSV ({message})")
        return Invalid(f"Line {self.line} {words}.", data={"row": self.line})


def _names(cells: list[str]) -> list[str]:
    """Return the names of a header: whole characters without outer blanks, with one blank for each line break."""
    return [_LINE_BREAKS.sub(" ", trimmed(whole_characters(cell))) for cell in cells]
