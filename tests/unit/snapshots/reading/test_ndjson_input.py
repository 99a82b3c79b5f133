"""NDJSON that is read with little memory gives the same members."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, LocalManifest, Upload
from app.snapshots.membership import page_rows, write_snapshot
from tests.unit.snapshots.files import fresh, ndjson

ROWS: list[dict[str, Any]] = [
    {"profile_id": "b", "email": ["b@example.com", "x"], "age": 7, "tags": {"b": [1, None], "a": "é"}},
    {"profile_id": "a", "age": None, "score": 1.25, "big": 2**70, "note": '"q"\n', "agreed": True},
]  # fmt: skip


def test_little_memory_gives_the_same_members(cursor: Cursor, folder: Path) -> None:
    upload, found = Upload(ndjson(folder, ROWS), "ndjson"), []
    for one in (upload, replace(upload, frugal=True)):
        out = fresh(folder)
        stats = write_snapshot(cursor, one, out, linked=False)
        found.append((stats, page_rows(cursor, LocalManifest((out,)), None, 10)))
        assert sorted(path.suffix for path in folder.glob(f"{out.name}*")) == [".parquet"]
    assert found[0] == found[1]
    assert found[0][1][1]["traits"]["tags"] == {"a": "é", "b": [1, None]}


@pytest.mark.parametrize("names", [("Tier", "tier"), ("email", "Email"), ("İl", "il")])
@pytest.mark.parametrize("rows_before", [0, 3])
def test_names_that_differ_in_case_only_are_refused(
    cursor: Cursor, folder: Path, names: tuple[str, str], rows_before: int
) -> None:
    rows: list[dict[str, Any]] = [{"profile_id": f"o{n}"} for n in range(rows_before)]
    rows += [{"profile_id": name, name: "x"} for name in names]
    with pytest.raises(Invalid, match="Duplicate column"):
        write_snapshot(cursor, Upload(ndjson(folder, rows), "ndjson"), fresh(folder), linked=False)
