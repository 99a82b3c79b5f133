"""Small memberships, manifests and engines for the tests of snapshots."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app.domain.changes import ChangeKind, Mode
from app.snapshots.engine import Cursor, LocalManifest, PlanSpec, Upload
from app.snapshots.membership import write_snapshot

EVERY_KIND = frozenset(ChangeKind)
_numbers = itertools.count()


def fresh(folder: Path, suffix: str = ".parquet") -> Path:
    """A path that is not there yet."""
    return folder / f"file-{next(_numbers)}{suffix}"


def ndjson(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Rows as an NDJSON file."""
    path = fresh(folder, ".ndjson")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def snapshot(cursor: Cursor, folder: Path, rows: Iterable[Mapping[str, Any]]) -> LocalManifest:
    """A written membership; of no rows, too."""
    out = fresh(folder)
    rows = list(rows)
    if rows:
        write_snapshot(cursor, Upload(ndjson(folder, rows), "ndjson"), out, linked=False)
    else:
        empty = fresh(folder, ".csv")
        empty.write_text("profile_id\n")
        write_snapshot(cursor, Upload(empty, "csv"), out, linked=False)
    return LocalManifest((out,))


def create_spec(**changes: Any) -> PlanSpec:
    """A specification: member keys, maintain, all kinds, batches of 3."""
    given: dict[str, Any] = {
        "key": "member",
        "mode": Mode.MAINTAIN,
        "sends": EVERY_KIND,
        "max_rows": 3,
        "sync_number": 1,
    }
    return PlanSpec(**(given | changes))


class Instance:
    """Lends cursors of an engine's connection.

    Hypothesis keeps the arguments of a test until the process ends, and DuckDB would report a connection among them as
    leaked.
    """

    def __init__(self, connection: Cursor) -> None:
        self._connection: Cursor | None = connection

    def cursor(self) -> Cursor:
        """Open a cursor. The caller closes it."""
        assert self._connection is not None, "the instance is closed"
        return self._connection.cursor()

    def close(self) -> None:
        """Close the connection and let go of it."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
