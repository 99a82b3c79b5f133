"""The format of a file, by the end of its name."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal, TypeAlias

FileFormat: TypeAlias = Literal["csv", "ndjson", "parquet"]

_FORMATS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
}
_COMPRESSED = (".gz", ".gzip", ".zst", ".zstd")


def ending_of(name: str) -> str:
    """Return the ending of a file's name in lower case, before that of its compression: ``.csv`` for ``people.CSV.gz``."""
    path = PurePosixPath(name.lower())
    return path.with_suffix("").suffix if path.suffix in _COMPRESSED else path.suffix


def format_of(name: str) -> FileFormat | None:
    """Return the format that a file's name ends with; None if it names none."""
    return _FORMATS.get(ending_of(name))
