"""A dataset keeps the order of its file, and its first rows are those of the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.snapshots.engine import Cursor, Upload
from app.snapshots.reading import rows_at_start, write_dataset
from tests.unit.snapshots.files import fresh

Form = Callable[[Path, list[tuple[int, str]]], None]


def csv(path: Path, rows: list[tuple[int, str]]) -> None:
    path.write_text("no,note\n" + "".join(f'{no},"{note}"\n' for no, note in rows))


def ndjson(path: Path, rows: list[tuple[int, str]]) -> None:
    path.write_text("".join(json.dumps({"no": no, "note": note}) + "\n" for no, note in rows))


def parquet(path: Path, rows: list[tuple[int, str]]) -> None:
    columns = {"no": [no for no, _ in rows], "note": [note for _, note in rows]}
    pq.write_table(pa.table(columns), path, row_group_size=5_000)


@pytest.mark.parametrize(
    ("form", "write"), [("csv", csv), ("ndjson", ndjson), ("parquet", parquet)]
)
@pytest.mark.parametrize(("count", "length"), [(150_000, 8), (40, 100_000)])
def test_rows_keep_the_order_of_the_file(
    cursor: Cursor, folder: Path, form: Any, write: Form, count: int, length: int
) -> None:
    file, out = fresh(folder, f".{form}"), fresh(folder)
    cursor.execute("SET GLOBAL threads = 4")
    write(file, [(no, "é" * length) for no in range(count)])
    for _ in range(2):
        write_dataset(cursor, Upload(file, form), out)
        assert pq.read_table(out, columns=["no"])["no"].to_pylist() == list(range(count))
        first = rows_at_start(cursor, out, 10, 10_000_000)
        assert [row["no"] for row in first] == list(range(10))
