"""An opened upload: a relation, with its columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from app.core.errors import Invalid
from app.domain.text_forms import lowered
from app.snapshots.engine import Counts, Dialect, ReadColumn, Upload, UploadReport

HALF = "half_character"  # the reason in reports
MAX_LINE = 2_000_000  # bytes; the engine's limit for CSV


class Records(Protocol):
    """Reads the records of a CSV file again. ``line`` is where the current one begins; each is as wide as ``names``."""

    names: list[str]
    line: int

    def __iter__(self) -> Iterator[list[str]]:
        """Read from the beginning, without the header."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """An upload as a relation. CSV columns are text, NDJSON columns are JSON, Parquet columns have their types.

    ``path`` is the uncompressed file in UTF-8. ``records`` reads a CSV file again, with lines.
    """

    sql: str
    columns: dict[str, Any]
    upload: Upload
    path: Path
    dialect: Dialect = field(default_factory=Dialect)
    records: Records | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)
    replaced: Counts = field(default_factory=dict)

    @property
    def broken(self) -> set[str]:
        """Columns in which a value has half a surrogate pair."""
        return {name for name, reasons in self.replaced.items() if HALF in reasons}

    def report(
        self, columns: Sequence[ReadColumn], absent: Counts | None = None, refused: int = 0
    ) -> UploadReport:
        """Return the report on how the upload was read. ``columns`` are in the order of the upload.

        ``absent`` counts values that mean "no value", by column and reason. Half characters are replaced in traits; of
        identifiers, such values are left out. ``refused`` is the number of rows with refused keys.
        """
        left_out = self.broken & {one.name for one in columns if one.role == "identifier"}
        halves = {name: {HALF: self.replaced[name][HALF]} for name in left_out}
        kept = {
            name: {
                reason: count
                for reason, count in reasons.items()
                if name not in left_out or reason != HALF
            }
            for name, reasons in self.replaced.items()
        }
        return UploadReport(
            format=self.upload.format,
            dialect=self.dialect,
            columns=columns,
            skipped={**self.skipped, **({"refused_key": refused} if refused else {})},
            replaced={name: reasons for name, reasons in kept.items() if reasons},
            dropped=halves,
            absent=absent or {},
        )


def refuse_repeated(names: list[str]) -> None:
    """Raise Invalid if two columns have one name. Upper and lower case are equal."""
    seen: set[str] = set()
    for column in names:
        if lowered(column) in seen:
            raise Invalid(
                f"Duplicate column: {column}. Rename one of the two, or leave it out.",
                data={"column": column},
            )
        seen.add(lowered(column))


def first_line(error: object, path: Path | None = None) -> str:
    """Return the first line of an error, without its class and without the path of the local file."""
    line = str(error).split("\n", 1)[0]
    line = re.sub(r"^[A-Za-z ]+ Error: ", "", line)
    return line.replace(str(path), "the upload") if path else line
