"""The engine's threads: lanes, cancelling, and what SQL can reach."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from app.snapshots.engine import Cursor
from app.snapshots.engine.engine import Engine

ENDLESS = "SELECT sum(a.range % (b.range + 1)) FROM range(10000000) a, range(10000000) b"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine("200MB", 1, tmp_path / "scratch", [tmp_path / "readable"])
    yield made
    made.close()


def number(cursor: Cursor, value: int) -> int:
    return int(cursor.execute("SELECT $value + 1", {"value": value}).fetchall()[0][0])


async def test_runs_functions_with_a_cursor(engine: Engine) -> None:
    assert await engine.run(number, 41) == 42
    assert await engine.run(number, value=1, lane="small") == 2


async def test_errors_come_through(engine: Engine) -> None:
    with pytest.raises(duckdb.Error):
        await engine.run(lambda cursor: cursor.execute("SELECT nonsense"))
    assert await engine.run(number, 1) == 2


async def test_a_heavy_job_leaves_the_small_lane_free(engine: Engine) -> None:
    release, running = threading.Event(), threading.Event()

    def wait(cursor: Cursor) -> None:
        running.set()
        release.wait(20)

    heavy = asyncio.create_task(engine.run(wait))
    await asyncio.to_thread(running.wait, 10)
    second = asyncio.create_task(engine.run(number, 1))
    assert await engine.run(number, 1, lane="small") == 2
    assert not second.done(), "two heavy jobs at a time"
    release.set()
    await heavy
    assert await second == 2


async def test_a_cancelled_task_ends_its_query_and_its_thread(engine: Engine) -> None:
    running, ended = threading.Event(), threading.Event()

    def work(cursor: Cursor) -> None:
        running.set()
        try:
            for _ in range(3):  # a query that begins after the interrupt must end as well
                try:
                    cursor.execute(ENDLESS).fetchall()
                except duckdb.InterruptException:
                    continue
        finally:
            ended.set()

    task = asyncio.create_task(engine.run(work))
    await asyncio.to_thread(running.wait, 10)
    begun = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set(), "the thread must be back before the cancellation goes on"
    assert time.monotonic() - begun < 10
    assert await engine.run(number, 1) == 2


async def test_sql_reaches_only_its_folders(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "readable").mkdir()
    (tmp_path / "readable" / "x.csv").write_text("a\n1\n")
    (tmp_path / "secret.csv").write_text("a\n1\n")

    def read(cursor: Cursor, path: Path) -> list[tuple[int]]:
        return cursor.execute(f"SELECT * FROM read_csv('{path}')").fetchall()

    assert await engine.run(read, tmp_path / "readable" / "x.csv") == [(1,)]
    with pytest.raises(duckdb.PermissionException):
        await engine.run(read, tmp_path / "secret.csv")


async def test_scratch_files_are_fresh_and_go_with_it(tmp_path: Path) -> None:
    engine = Engine("100MB", 1, tmp_path / "scratch")
    first, second = engine.scratch_file(".parquet"), engine.scratch_file(".parquet")
    assert first != second
    first.write_text("x")
    engine.close()
    assert not first.exists()
