"""Formats of the files that the service stores. Each file names its format and version in its Parquet metadata.

Version 1 of plans, outcomes and holdings had a column ``arm`` in place of ``place``: an arm's name in each written key.
Files of that version have no metadata.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from app.snapshots.engine.sql import parquet_relation


class FileFormat(StrEnum):
    """What a stored file is."""

    MEMBERS = "members"  # base or patch of a snapshot
    PLAN = "plan"
    OUTCOME = "outcome"  # also a delta of the holdings
    HOLDINGS = "holdings"


CURRENT = {
    FileFormat.MEMBERS: 1,
    FileFormat.PLAN: 2,
    FileFormat.OUTCOME: 2,
    FileFormat.HOLDINGS: 2,
}
_NAME, _VERSION = "activations.format", "activations.version"
_OLD_COLUMN = "arm"
_SPELLED = "activations.spelled"


class UnknownFormat(ValueError):
    """A stored file has a format or version that this version of the service cannot read."""


def format_metadata(
    kind: FileFormat, version: int | None = None, *, spelled: Sequence[str] = ()
) -> dict[str, str]:
    """Return the Parquet metadata of a new file: ``{"activations.format": …, "activations.version": …}``.

    ``spelled`` are traits of a membership that are text, and are hashed as the numbers that they spell.
    """
    named = {_SPELLED: orjson.dumps(sorted(set(spelled))).decode()} if spelled else {}
    return {_NAME: kind.value, _VERSION: str(version or CURRENT[kind]), **named}


def spelled_traits(paths: Sequence[Path]) -> frozenset[str]:
    """Return the traits that any of the files names as spelled (``format_metadata``)."""
    found = [(pq.read_schema(path).metadata or {}).get(_SPELLED.encode()) for path in paths]
    return frozenset(trait for names in found if names for trait in orjson.loads(names))


def file_version(path: Path) -> int:
    """Read the version of a stored file's format.

    Raises UnknownFormat if the file has a format or version that this version of the service does not know.
    """
    return _version(path, pq.read_schema(path))


def _version(path: Path, schema: pa.Schema) -> int:
    found = schema.metadata or {}
    name, version = found.get(_NAME.encode()), found.get(_VERSION.encode())
    if name is None or version is None:
        return 1 if _OLD_COLUMN in schema.names else 2
    known = {kind.value: number for kind, number in CURRENT.items()}
    if int(version) > known.get(name.decode(), 0):
        raise UnknownFormat(
            f"The stored file {path.name} has the format {name.decode()}, version {int(version)}. This version of the "
            "service cannot read it. Start the version of the service that wrote it, or a newer one."
        )
    return int(version)


def stored_relation(paths: Sequence[Path]) -> str:
    """Return the relation of stored files of any known version, with the columns of the current one.

    Raises UnknownFormat, as ``file_version`` does.
    """
    old = [path for path in paths if _has_old_column(path)]
    if not old:
        return parquet_relation(paths)
    renamed = f"SELECT * RENAME ({_OLD_COLUMN} AS place) FROM {parquet_relation(old)}"  # noqa: S608  (no user's text)
    new = [path for path in paths if path not in old]
    if not new:
        return f"({renamed})"
    return f"({renamed} UNION ALL BY NAME SELECT * FROM {parquet_relation(new)})"  # noqa: S608  (no user's text)


def columns_of(path: Path, names: Sequence[str]) -> list[str]:
    """Return the names that columns of the current version have in a stored file.

    Raises UnknownFormat, as ``file_version`` does.
    """
    if _has_old_column(path):
        return [_OLD_COLUMN if name == "place" else name for name in names]
    return list(names)


def _has_old_column(path: Path) -> bool:
    schema = pq.read_schema(path)
    return _version(path, schema) == 1 and _OLD_COLUMN in schema.names
