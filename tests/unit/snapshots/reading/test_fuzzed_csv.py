"""Fuzzed CSV files: the service refuses a file by name, or reads the rows that Python's csv module reads.

Files are made of cells, written with quotes or without, with any line ends, byte order marks, empty rows, repeated headers, rows
of other widths, long cells and odd bytes, in UTF-8 or UTF-16. The other reader gets the delimiter that the service found, and
shares no code with it.
"""

from __future__ import annotations

import codecs
import csv
import io
import random
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.domain.text_forms import trimmed
from app.snapshots.engine import Cursor, Upload
from app.snapshots.membership import write_snapshot
from app.snapshots.reading import open_upload, write_dataset
from app.snapshots.reading.csv_records import CsvRecords
from tests.unit.snapshots.files import Instance, fresh

HEADERS = [
    "profile_id",
    "email",
    "note",
    "Umsatz, netto",
    "a;b",
    'in "quotes"',
    "two\nlines",
    " phone ",
    "ünï",
]
WORDS = [
    "",
    "",
    "x",
    "17",
    "anna@example.com",
    "+4917012345678",
    "NULL",
    "00017",
    "München",
    "😀",
    " x ",
    "profile_id",
    "email",
]
ODD = ["a,b", "a;b", "a\tb", "a|b", 'say "hi"', '"', '""', " \"x\"", "Main St 1\r\nHouse 2", "a\nb", "a\rb", "\ufeffx",
       "x\ufeff", "\\N", "back\\", "\\\"", "'x'", "=1+1", "#x", "x" * 140_000, "\x0b\x0c\x85", "\u2028", " "]  # fmt: skip
LINE_ENDS = ["\n", "\r\n", "\r"]
ENCODINGS = {"utf-8": b"", "utf-8-sig": b"", "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}  # fmt: skip


@dataclass(frozen=True)
class File:
    """The bytes of a file, and the rows that it must be read as if it has no fault (None: it may have one)."""

    content: bytes
    rows: list[list[str]] | None


class Writer:
    """Writes files as many programs do, one choice after the other."""

    def __init__(self, choices: random.Random) -> None:
        self.pick = choices
        self.delimiter = choices.choice(",,,;;\t|")
        self.ends = choices.choice([["\n"], ["\n"], ["\r\n"], ["\r\n"], ["\r"], LINE_ENDS])
        self.quotes = choices.choice(["needed", "all", "some"])
        self.messy = choices.random() < 0.4  # a fault is possible
        self.odd = choices.choice([0.0, 0.05, 0.3])

    def often(self, share: float) -> bool:
        return self.pick.random() < share

    def cell(self) -> str:
        return self.pick.choice(ODD if self.often(self.odd) else WORDS)

    def written(self, cell: str) -> str:
        needed = any(char in cell for char in (self.delimiter, '"', "\n", "\r"))
        if self.messy and needed and self.often(0.2):
            return cell
        if needed or self.quotes == "all" or (self.quotes == "some" and self.often(0.3)):
            return '"' + cell.replace('"', '""') + '"'
        return cell

    def line(self, cells: Sequence[str]) -> str:
        blank = " " if self.messy and self.often(0.1) else ""
        return (self.delimiter + blank).join(map(self.written, cells))

    def file(self) -> File:
        width = self.pick.choice([1, 2, 2, 3, 4])
        self.delimiter = self.delimiter if width > 1 else ","
        header = ["profile_id", *self.pick.sample(HEADERS[1:], width - 1)]
        rows = [[self.cell() for _ in header] for _ in range(self.pick.randrange(8))]
        lines = [*self.noise(header), self.line(header)]
        for row in rows:
            lines += self.noise(header) if self.often(0.2) else []
            lines.append(self.line(self.ragged(row)))
        text = "".join(line + self.pick.choice(self.ends) for line in lines)
        if self.often(0.3):
            text = text.rstrip("\r\n")
        if self.often(0.1):
            text = f"sep={self.delimiter}\n{text}"
        return File(*self.encoded(text, None if self.messy else [header, *rows]))

    def noise(self, header: list[str]) -> list[str]:
        """Lines that carry no row: empty ones, and the header of a further file."""
        empty = ["", self.delimiter * (len(header) - 1), self.delimiter.join(['""'] * len(header))]
        again = self.pick.choice(["", "\ufeff"]) + self.line(header)
        return self.pick.choice(
            [[], [], [self.pick.choice(empty)], [again] if self.often(0.5) else []]
        )

    def ragged(self, row: list[str]) -> list[str]:
        if self.often(0.05) and len(row) > 1:
            return [*row, ""]
        if self.messy and self.often(0.1):
            return self.pick.choice([row[:-1], [*row, "more"]])
        return row

    def encoded(
        self, text: str, rows: list[list[str]] | None
    ) -> tuple[bytes, list[list[str]] | None]:
        encoding = self.pick.choice([*ENCODINGS, "utf-8", "utf-8"])
        content = ENCODINGS[encoding] + text.encode(encoding)
        if self.messy and self.often(0.3):
            place = self.pick.randrange(len(content) + 1)
            odd = self.pick.choice(
                [
                    b"\xff",
                    b"\0",
                    b"\xed\xa0\xbd",
                    b'"',
                    b"\r",
                    b"\n",
                    b"\xef\xbb\xbf",
                    b",",
                    b"\xfc",
                ]
            )
            content = self.pick.choice([content[:place], content[:place] + odd + content[place:]])
        return content, rows


def independent(content: bytes, delimiter: str, skips_blanks: bool) -> list[list[str]]:
    """The rows of a file as the csv module reads them, with the header. Raises csv.Error or ValueError for faults."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if content.startswith(mark):
            text = content.decode(encoding)
            break
    else:
        text = content.decode("utf-8")
    text = re.sub("(^|[\r\n])\ufeff+", r"\1", text)
    text = re.sub(r"^sep=.[,;\t|]*(\r\n|\n|\r|$)", "", text)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        skipinitialspace=skips_blanks,
        strict=True,
    )
    rows = [row for row in reader if any(row)]
    while not any(map(trimmed, rows[0])):
        rows.pop(0)
    rows = [row for row in rows if len(row) > 1 or len(rows[0]) == 1 or row[0].strip()]
    width = len(rows[0])
    if any(len(row) < width or any(row[width:]) for row in rows):
        raise csv.Error("a row of another width")
    named = [place for place in range(width) if rows[0][place].strip()]
    return once([[row[place] for place in named] for row in rows])


def once(rows: list[list[str]]) -> list[list[str]]:
    """The rows without those that repeat the first one."""
    names = list(map(trimmed, rows[0]))
    starts = {*rows[0], *names}
    return [
        rows[0],
        *(row for row in rows[1:] if row[0] not in starts or list(map(trimmed, row)) != names),
    ]


def read(cursor: Cursor, path: Path, folder: Path) -> tuple[list[list[str]], str, bool]:
    """The rows that the service reads as texts, with the header, and the dialect that it found."""
    with open_upload(cursor, Upload(path, "csv"), fresh(folder)) as source:
        found = cursor.execute(f"SELECT * FROM {source.sql}").fetchall()
        assert isinstance(source.records, CsvRecords)
        dialect = source.records.dialect
        rows = [[cell or "" for cell in row] for row in found]
        return [list(source.columns), *rows], dialect.delimiter or ",", dialect.skips_blanks


def check(cursor: Cursor, folder: Path, file: File) -> str:
    """Compare both readers. Returns what happened."""
    path = fresh(folder, ".csv")
    path.write_bytes(file.content)
    _write(cursor, folder, path)
    try:
        rows, delimiter, skips_blanks = read(cursor, path, folder)
    except Invalid as error:
        return _refused(error, file)
    try:
        expected = independent(file.content, delimiter, skips_blanks)
    except UnicodeDecodeError:
        assert "\ufffd" in str(rows) or file.rows is None
        return "repaired"
    except csv.Error as error:
        raise AssertionError(f"{error}: {file.content[:300]!r}, read as {rows[:10]}") from error
    assert rows[1:] == expected[1:], (file.content[:300], delimiter)
    names = [[part for part in map(trimmed, name.split()) if part] for name in expected[0]]
    assert [name.split() for name in rows[0]] == names
    if file.rows is None:
        return "read"
    written = [row for row in once(file.rows)[1:] if any(row)]
    assert _unmarked(rows[1:]) == _unmarked(written), (file.content[:300], delimiter)
    return "as written"


def _refused(error: Invalid, file: File) -> str:
    """A clean file is refused only if two delimiters fit, or two of its columns have one name or change places."""
    allowed = ("delimiter", "Duplicate column", "another order")
    assert file.rows is None or any(part in error.message for part in allowed), error.message
    return "refused"


def _unmarked(rows: list[list[str]]) -> list[list[str]]:
    """Rows without the mark that a row may begin with: without quotes, it is no part of the value."""
    return [[row[0].lstrip("\ufeff"), *row[1:]] for row in rows]


def _write(cursor: Cursor, folder: Path, path: Path) -> None:
    """Write the file as members and as a dataset: no other error than a refusal."""
    with suppress(Invalid):
        write_snapshot(cursor, Upload(path, "csv"), fresh(folder), linked=False)
    with suppress(Invalid):
        write_dataset(cursor, Upload(path, "csv"), fresh(folder))


@pytest.mark.parametrize("files", [50, pytest.param(6_000, marks=pytest.mark.chaos)])
def test_a_file_is_refused_or_read_as_another_reader_reads_it(
    engine: Instance, tmp_path: Path, files: int
) -> None:
    @settings(max_examples=files, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=False))
    def run(choices: random.Random) -> None:
        with engine.cursor() as cursor:
            event(check(cursor, tmp_path, Writer(choices).file()))
        for path in tmp_path.iterdir():
            path.unlink()

    run()
