"""The engine's threads: lanes, cancelling, and what SQL can reach."""

from __future__ import annotations

import asyncio
import gzip
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from app.snapshots.engine import MEDIUM_ROWS, Cursor, TooMuchMemory, Upload, lane_of
from app.snapshots.engine import engine as engine_module
from app.snapshots.engine.engine import SMALL_BYTES, Engine

ENDLESS = "SELECT sum(a.range % (b.range + 1)) FROM range(10000000) a, range(10000000) b"

USUAL, ALL = "71.5 MiB", "190.7 MiB"  # of 200 MB


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


class Gate:
    """A job that runs until it is released."""

    def __init__(self) -> None:
        self.release, self.running = threading.Event(), threading.Event()

    def wait(self, cursor: Cursor) -> None:
        self.running.set()
        self.release.wait(20)

    async def begun(self) -> None:
        assert await asyncio.to_thread(self.running.wait, 10)


async def test_medium_jobs_pass_a_heavy_one_and_use_its_lane_when_it_is_free(
    engine: Engine,
) -> None:
    heavy, first = Gate(), Gate()
    large = asyncio.create_task(engine.run(heavy.wait))
    await heavy.begun()
    assert await engine.run(number, 1, lane=lane_of(MEDIUM_ROWS)) == 2
    waiting = asyncio.create_task(engine.run(number, 1, lane=lane_of(MEDIUM_ROWS + 1)))
    medium = asyncio.create_task(engine.run(first.wait, lane="medium"))
    await first.begun()
    second = asyncio.create_task(engine.run(number, 2, lane="medium"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert not second.done(), "both lanes are taken"
    first.release.set()
    assert await second == 3
    heavy.release.set()
    await asyncio.gather(large, medium, waiting)
    busy = Gate()
    medium = asyncio.create_task(engine.run(busy.wait, lane="medium"))
    await busy.begun()
    assert await engine.run(number, 3, lane="medium") == 4, "the heavy lane is free"
    busy.release.set()
    await medium


@pytest.mark.parametrize("error", [duckdb.OutOfMemoryException("full"), TooMuchMemory("full")])
async def test_what_found_too_little_memory_beside_others_is_done_again_alone(
    engine: Engine, error: Exception
) -> None:
    heavy, tried = Gate(), []

    def fail(cursor: Cursor, times: int) -> int:
        tried.append((memory_of(cursor), heavy.release.is_set()))
        if len(tried) <= times:
            raise error
        return number(cursor, 1)

    large = asyncio.create_task(engine.run(heavy.wait))
    await heavy.begun()
    assert await engine.run(fail, 1, lane="medium") == 2
    assert tried == [(USUAL, False), (ALL, False)]
    assert await engine.run(memory_of, lane="medium") == USUAL
    tried.clear()
    medium = asyncio.create_task(engine.run(fail, 2, lane="medium"))
    for _ in range(100):
        await asyncio.sleep(0.1)
        if len(tried) > 1:
            break
    assert tried == [(USUAL, False), (ALL, False)]
    heavy.release.set()
    assert await medium == 2
    assert tried[2:] == [(ALL, True)]
    await large
    tried.clear()
    with pytest.raises(type(error)):
        await engine.run(fail, 2, lane="medium")
    assert len(tried) == 2, "alone, it would fail again"
    assert await engine.run(memory_of) == USUAL


async def test_a_query_that_cannot_spill_uses_all_of_the_memory(engine: Engine) -> None:
    tries = []

    def list_all(cursor: Cursor) -> int:
        tries.append(memory_of(cursor))
        query = "SELECT len(list(i)) FROM range(6_000_000) AS numbers(i)"
        return int(cursor.execute(query).fetchall()[0][0])

    assert await engine.run(list_all) == 6_000_000
    assert tries == [USUAL, ALL]


def memory_of(cursor: Cursor) -> str:
    return str(cursor.execute("SELECT current_setting('memory_limit')").fetchall()[0][0])


async def test_a_small_upload_does_not_wait_for_two_large_ones(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "members.csv.gz"
    path.write_bytes(gzip.compress(b"profile_id\np1\n"))
    small, large = Upload(path, "csv", "gzip"), tmp_path / "large.csv.gz"
    large.write_bytes(b"0" * (SMALL_BYTES + 1))
    async with engine._apart.slot("a"), engine._apart.slot("a"):
        assert await engine.run_on_upload("a", rows_of, small) == "members.csv.gz"
        waiting = asyncio.create_task(
            engine.run_on_upload("a", rows_of, Upload(large, "csv", "gzip"))
        )
        await asyncio.sleep(0.05)
        assert not waiting.done()
    assert await waiting == "large.csv.gz"


def rows_of(cursor: Cursor, upload: Upload) -> str:
    return upload.path.name


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


class Guarded:
    """An instance and its cursor, which notes if it is closed while a thread uses it: the library would crash the process."""

    def __init__(self) -> None:
        self.begun, self.release = threading.Event(), threading.Event()
        self.is_used = self.was_closed_in_use = False

    def cursor(self) -> Guarded:
        return self

    def execute(self, _: str) -> None:
        self.is_used = True
        self.begun.set()
        self.release.wait(10)
        self.is_used = False

    def interrupt(self) -> None:
        self.release.set()

    def close(self) -> None:
        self.was_closed_in_use |= self.is_used
        self.release.set()

    def __enter__(self) -> Guarded:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def test_a_cancelled_change_of_the_memory_closes_no_cursor_that_a_thread_uses(
    engine: Engine,
) -> None:
    guarded = Guarded()
    engine._opened = guarded  # type: ignore[assignment]
    change = asyncio.create_task(engine._limit("1GB"))
    await asyncio.to_thread(guarded.begun.wait, 10)
    change.cancel()
    with pytest.raises(asyncio.CancelledError):
        await change
    engine._opened = None
    assert not guarded.was_closed_in_use


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


async def test_a_small_upload_that_finds_no_memory_beside_others_is_read_in_a_child(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("profile_id\na\n")
    assert await engine.run_on_upload("w", full_in_this_process, Upload(path, "csv"), os.getpid())


def full_in_this_process(cursor: Cursor, upload: Upload, process: int) -> bool:
    if os.getpid() == process:
        raise duckdb.OutOfMemoryException("full")
    return upload.path.is_file()


async def test_the_instance_is_opened_anew_after_many_calls_while_none_runs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "RENEWED_AFTER", 3)

    def make(cursor: Cursor) -> None:
        cursor.execute("CREATE TABLE kept (i INTEGER)")

    def tables(cursor: Cursor) -> int:
        return len(cursor.execute("FROM duckdb_tables()").fetchall())

    begun, ended = threading.Event(), threading.Event()

    def wait(cursor: Cursor) -> int:
        begun.set()
        ended.wait()
        return tables(cursor)

    await engine.run(make)
    long = asyncio.create_task(engine.run(wait))
    await asyncio.to_thread(begun.wait)
    assert [await engine.run(tables, lane="small") for _ in range(5)] == [1] * 5
    ended.set()
    assert await long == 1, "a call that runs keeps its instance"
    assert await engine.run(tables) == 0
    assert await engine.run(number, 1) == 2
