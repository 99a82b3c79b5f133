"""Definitions over the same data send the same members each time, also where they depend on the order of rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from app.snapshots.engine import Cursor
from app.snapshots.engine.identifier_functions import add_identifier_functions
from benchmarks.repeatable import KINDS, Kind, write_purchases


@pytest.fixture
def cursor() -> Iterator[Cursor]:
    with duckdb.connect() as connection:
        add_identifier_functions(connection)
        yield connection.cursor()


@pytest.mark.walk
@pytest.mark.parametrize("name", ["last", "mode", "limit with ties", "sum of doubles"])
async def test_gives_the_same_result(cursor: Cursor, tmp_path: Path, name: str) -> None:
    write_purchases(tmp_path / "purchases.parquet", 60_000)
    kind = Kind(KINDS[name], tmp_path, cursor)
    first, *later = [await kind.run() for _ in range(3)]
    assert first.entered
    assert [stats.changes for stats in later] == [0, 0]


async def test_another_order_of_the_file_is_seen(cursor: Cursor, tmp_path: Path) -> None:
    path = tmp_path / "purchases.parquet"
    write_purchases(path, 3_000)
    kind = Kind(KINDS["last"], tmp_path, cursor)
    await kind.run()
    cursor.execute(
        f"COPY (SELECT * FROM read_parquet('{path}') ORDER BY email) TO '{path}.2' (FORMAT parquet)"
    )
    path.with_name(f"{path.name}.2").rename(path)
    assert (await kind.run()).updated > 100
