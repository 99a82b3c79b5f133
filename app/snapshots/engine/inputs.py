"""Uploads, and what is counted when they are written as snapshots and datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.domain.refused_keys import RefusedKeys
from app.snapshots.engine.upload_report import Counts, UploadReport


@dataclass(frozen=True, slots=True)
class Upload:
    """A supplied membership or dataset as a local file.

    ``encoding`` is the compression that was announced, and ``charset`` the encoding of its text, unless a byte order mark says another;
    None is UTF-8, and ``detect`` what the letters of the file fit. Of a CSV file, ``delimiter`` is what the request asks for, and
    ``usual_delimiter`` that of the upload before, which is tried first. ``absent_words`` are the space's own words for "no value".
    Rows with one of the ``refused`` keys are left out. ``frugal`` reading needs less memory and more time, and a connection with one thread.
    """

    path: Path
    format: Literal["csv", "ndjson", "parquet"]
    encoding: Literal["gzip", "zstd"] | None = None
    charset: str | None = None
    delimiter: str | None = None
    usual_delimiter: str | None = None
    absent_words: frozenset[str] = frozenset()
    frugal: bool = False
    refused: RefusedKeys | None = None


@dataclass(frozen=True, slots=True)
class TypeChange:
    """A trait that has another engine type than in the membership before."""

    trait: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class SnapshotStats:
    """Contents of a written snapshot: rows, traits with their engine types, identifier types, changes of types.

    ``reading`` reports how an upload was read; a snapshot of combined files has none. ``absent`` counts the values of
    identifiers that are none, by column and reason. ``refused`` counts the members that were left out because of refused keys.
    """

    rows: int
    traits: Mapping[str, str]
    identifiers: Sequence[str]
    changes: Sequence[TypeChange] = ()
    reading: UploadReport | None = None
    absent: Counts = field(default_factory=dict)
    refused: int = 0


@dataclass(frozen=True, slots=True)
class DatasetStats:
    """Contents of a written dataset: rows, columns with their engine types, and how the upload was read."""

    rows: int
    columns: Mapping[str, str]
    reading: UploadReport


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences between a snapshot and the previous one, in members."""

    entered: int
    exited: int
    members: int
