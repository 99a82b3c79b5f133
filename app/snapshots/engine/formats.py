"""Formats of the files that the service stores. Each file names its format and version in its Parquet metadata.

Version 1 of plans, outcomes and holdings had a column ``arm`` in place of ``place``: an arm's name in each written key.
Files of that version have no metadata. Version 2 did not record which fields were sent with a value, nor how often a
change had no confirmed result.

A new version comes with a migration, even an empty one: the migration is what refuses an older service at its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import lru_cache
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
    FileFormat.PLAN: 3,
    FileFormat.OUTCOME: 3,
    FileFormat.HOLDINGS: 3,
}
_NAME, _VERSION = "activations.format", "activations.version"
_OLD_COLUMN = "arm"
#: Columns that version 3 added, with their types: to plans, which have a column ``old_held``, and to rows of holdings.
_OF_PLANS = {"filled": "VARCHAR", "old_filled": "VARCHAR", "old_unknowns": "UTINYINT"}
_OF_ROWS = {"filled": "VARCHAR", "unknowns": "UTINYINT"}
_MARKS = {name: f"activations.{name}" for name in ("spelled", "absent", "shared", "beside")}


class UnknownFormat(ValueError):
    """A stored file has a format or version that this version of the service cannot read."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the files of a membership say about its values.

    ``spelled``: traits that are text, and are hashed as the numbers that they spell.
    ``absent``: the space's own words for "no value" when the members were read, in lower case.
    ``beside``: identifiers whose column has another spelling beside it, which is a trait of another meaning.
    ``shared``: texts such as ``user_id:none``: words that rows of a larger membership, of which this is a part, shared.
    """

    spelled: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()


def format_metadata(
    kind: FileFormat, version: int | None = None, *, marks: Marks | None = None
) -> dict[str, str]:
    """Return the Parquet metadata of a new file: ``{"activations.format": …, "activations.version": …}``, and its marks."""
    named = {
        _MARKS[name]: orjson.dumps(sorted(values)).decode()
        for name, values in (asdict(marks) if marks else {}).items()
        if values
    }
    return {_NAME: kind.value, _VERSION: str(version or CURRENT[kind]), **named}


def stored_schema(path: Path) -> pa.Schema:
    """Return the schema of a stored file. It is kept: a membership of many changes asks for those of all files again."""
    state = path.stat()
    return _schema(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=256)
def _schema(path: Path, _changed: int, _size: int) -> pa.Schema:
    return pq.read_schema(path)


def marks_of(paths: Sequence[Path]) -> Marks:
    """Return what any of the files says about its values (``format_metadata``)."""
    found = [stored_schema(path).metadata or {} for path in paths]
    return Marks(
        **{
            name: frozenset(
                value for one in found for value in orjson.loads(one.get(key.encode(), b"[]"))
            )
            for name, key in _MARKS.items()
        }
    )


def file_version(path: Path) -> int:
    """Read the version of a stored file's format.

    Raises UnknownFormat if the file has a format or version that this version of the service does not know.
    """
    return _version(path, stored_schema(path))


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
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(_shown(path), []).append(path)
    if list(groups) == ["*"]:
        return parquet_relation(paths)
    parts = [f"SELECT {shown} FROM {parquet_relation(same)}" for shown, same in groups.items()]  # noqa: S608  (no user's text)
    return f"({' UNION ALL BY NAME '.join(parts)})"


def numbered_relation(paths: Sequence[Path]) -> str:
    """Return :func:`stored_relation` with the position of a row's file as ``_number``.

    Files of one form are read by one scan: to plan a query over many scans takes longer than to run it.
    """
    every = stored_relation(paths)
    if every == parquet_relation(paths):
        return f"(SELECT *, file_index AS _number FROM {every})"  # noqa: S608  (quoted)
    parts = [
        f"SELECT *, {number} AS _number FROM {stored_relation([path])}"  # noqa: S608  (quoted)
        for number, path in enumerate(paths)
    ]
    return f"({' UNION ALL BY NAME '.join(parts)})"


def _shown(path: Path) -> str:
    """Return what a query selects from a stored file, so that it has the columns of the current version."""
    schema = stored_schema(path)
    old = _version(path, schema) == 1 and _OLD_COLUMN in schema.names
    every = f"* RENAME ({_OLD_COLUMN} AS place)" if old else "*"
    added = {name: kind for name, kind in _added(schema).items() if name not in schema.names}
    return ", ".join([every, *(f"CAST(NULL AS {kind}) AS {name}" for name, kind in added.items())])


def _added(schema: pa.Schema) -> dict[str, str]:
    if "old_held" in schema.names:
        return _OF_PLANS
    return _OF_ROWS if "held" in schema.names else {}


def columns_of(path: Path, names: Sequence[str]) -> list[str]:
    """Return the names that columns of the current version have in a stored file. It may not have all of them.

    Raises UnknownFormat, as ``file_version`` does.
    """
    schema = stored_schema(path)
    old = _version(path, schema) == 1 and _OLD_COLUMN in schema.names
    return [_OLD_COLUMN if old and name == "place" else name for name in names]
