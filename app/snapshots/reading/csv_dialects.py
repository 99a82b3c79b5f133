"""The dialect of a CSV file, found over a sample of whole records."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

from app.core.errors import Invalid
from app.snapshots.engine import Dialect
from app.snapshots.reading.csv_samples import Sample
from app.snapshots.reading.source import MAX_LINE

_DELIMITERS = ",;\t|"
_RECORDS = 1_000  # of the sample
_SEP_LINE = re.compile(
    r'("?)sep=(?P<delimiter>[^\w"\s\ufeff]|\t)\1[,;\t|]*(?:\r\n|\n|\r|$)', re.IGNORECASE
)
_BLANKS_AND_QUOTES = re.compile(r' +".*" *', re.DOTALL)


@dataclass(frozen=True, slots=True)
class FoundDialect:
    """A dialect, and whether the file begins with a line ``sep=;``, which is no record."""

    dialect: Dialect
    sep_line: bool


def csv_reader(lines: Iterable[str], dialect: Dialect) -> Any:
    """Return a strict reader of the csv module for a dialect: it raises csv.Error for quotes in wrong places."""
    csv.field_size_limit(MAX_LINE)  # the library's own limit is 131,072 characters
    return csv.reader(
        lines,
        delimiter=dialect.delimiter or ",",
        skipinitialspace=dialect.skips_blanks,
        strict=True,
    )


def find_dialect(
    sample: Sample, plain: Dialect, asked: str | None, usual: str | None
) -> FoundDialect:
    """Find delimiter and treatment of blanks.

    The delimiter is the one that was ``asked`` for, else that of a line ``sep=``, else the ``usual`` one if it fits, else
    the only one that gives each record of the sample the same number of columns, two or more. Raises Invalid if several do.
    """
    plain = replace(plain, quote='"')
    line = _SEP_LINE.match(sample.text)
    if line is not None:
        sample = replace(sample, text=sample.text[line.end() :])
    named = asked or (line["delimiter"] if line else None)
    if named is not None:
        trial = _trial(sample, replace(plain, delimiter=named))
    else:
        trial = _best(sample, plain, usual)
    return FoundDialect(trial.dialect, line is not None)


def _best(sample: Sample, plain: Dialect, usual: str | None) -> _Trial:
    delimiters = dict.fromkeys((*_DELIMITERS, *(usual or "")))
    trials = [_trial(sample, replace(plain, delimiter=one)) for one in delimiters]
    fitting = [trial for trial in trials if trial.fits]
    if len(fitting) > 1:
        fitting = [trial for trial in fitting if trial.dialect.delimiter == usual] or [
            trial for trial in fitting if not trial.divides_quotes
        ]
    if len(fitting) > 1:
        raise _ambiguous([str(trial.dialect.delimiter) for trial in fitting])
    return fitting[0] if fitting else max(trials, key=lambda trial: trial.score)


def _ambiguous(delimiters: list[str]) -> Invalid:
    shown = " and ".join({"\t": "tab"}.get(one, one) for one in delimiters)
    return Invalid(
        f"The delimiters {shown} both fit every line. Name the right one in the query parameter delimiter (for example "
        "?delimiter=semicolon), or quote the values that contain the other one.",
        data={"row": 1, "delimiters": delimiters},
    )


def _trial(sample: Sample, dialect: Dialect) -> _Trial:
    """Read a sample in a dialect. Blanks are skipped if there are quotes after them, and only then they are quotes."""
    plain = _Trial(sample, dialect)
    if not re.search(rf'{re.escape(str(dialect.delimiter))} +"', sample.text):
        return plain
    loose = _Trial(sample, replace(dialect, skips_blanks=True))
    if loose.faulty or (plain.is_table and not loose.is_table):
        return plain
    return plain if plain.is_table and not plain.has_blanks_and_quotes else loose


class _Trial:
    """The first records of a sample as one dialect reads them. ``faulty``: a quote is in a wrong place."""

    def __init__(self, sample: Sample, dialect: Dialect) -> None:
        self.dialect, self.faulty = dialect, False
        self.rows: list[list[str]] = []
        rows = (
            row for row in csv_reader(io.StringIO(sample.text, newline=""), dialect) if any(row)
        )
        try:
            self.rows.extend(islice(rows, _RECORDS))
            if not sample.whole and len(self.rows) > 1 and next(rows, None) is None:
                self.rows.pop()  # the sample may end within its last record
        except csv.Error as error:
            # The sample may end within quotes.
            self.faulty = sample.whole or "unexpected end of data" not in str(error)

    @cached_property
    def score(self) -> tuple[float, int]:
        """The share of records that are as wide as the header, if that has two columns or more, and its width."""
        header = self.rows[0] if self.rows else []
        if len(header) < 2:
            return 0.0, 0
        return sum(_width(row, len(header)) == len(header) for row in self.rows) / len(
            self.rows
        ), len(header)

    @property
    def is_table(self) -> bool:
        """Whether all records are as wide as the header."""
        return not self.faulty and len({_width(row, len(self.rows[0])) for row in self.rows}) < 2

    @property
    def fits(self) -> bool:
        """Whether the records are a table of two columns or more."""
        return not self.faulty and self.score[0] == 1

    @property
    def divides_quotes(self) -> bool:
        """Whether a name has one quote of two, as `;"Umsatz, netto"` has for the comma: another delimiter was meant."""
        return any(name.count('"') % 2 for name in self.rows[0])

    @property
    def has_blanks_and_quotes(self) -> bool:
        """Whether a value is in quotes with blanks before them."""
        return any(_BLANKS_AND_QUOTES.fullmatch(cell) for row in self.rows for cell in row)


def _width(row: list[str], expected: int) -> int:
    """Return the number of cells, without empty ones after the expected number."""
    return expected if len(row) > expected and not any(row[expected:]) else len(row)
