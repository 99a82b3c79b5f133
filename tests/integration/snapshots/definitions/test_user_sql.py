"""Definitions in their child process: what they may do, and attempts to escape."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.core.errors import InsufficientStorage
from app.processes import children, spares
from app.snapshots.definitions import (
    DefinitionFailed,
    run_definition,
    user_sql,
)
from app.snapshots.definitions.definition_check import check_definition
from app.snapshots.definitions.syntax import without_semicolon
from tests.processes import running_children, without_spares

AS_OF = datetime(1997, 6, 1, tzinfo=UTC)
MEMORY = 2 * 1024**3


@pytest.fixture
def datasets(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "purchases.parquet"
    rows = {
        "customer": ["a", "b", "a"],
        "day": [datetime(1997, 5, 1), datetime(1997, 7, 1), datetime(1997, 5, 31)],  # noqa: DTZ001
        "pieces": [1, 2, 3],
    }
    pq.write_table(pa.table(rows), path)
    return {"purchases": path}


async def answer(
    sql: str,
    datasets: dict[str, Path],
    *,
    seconds: float = 20,
    limit: int | None = None,
    memory: int = MEMORY,
) -> pa.Table:
    out = next(iter(datasets.values())).with_name("answer.parquet")
    await run_definition(
        sql,
        datasets,
        AS_OF,
        out,
        memory_bytes=memory,
        timeout=timedelta(seconds=seconds),
        limit=limit,
    )
    return pq.read_table(out)


@pytest.fixture(autouse=True)
def no_spares(monkeypatch: pytest.MonkeyPatch) -> None:
    without_spares(monkeypatch)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run without the check of the text, so that only the process protects."""
    monkeypatch.setattr(user_sql, "check_definition", lambda *_: [])


class TestRunDefinition:
    async def test_answers_with_types_of_its_own(self, datasets: dict[str, Path]) -> None:
        table = await answer(
            """WITH recent AS (SELECT * FROM purchases WHERE day < $as_of)
            SELECT customer AS profile_id, sum(pieces) AS pieces, max(day) AS last, $as_of AS moment
            FROM recent GROUP BY 1; -- the end""",
            datasets,
        )
        assert table.to_pylist() == [
            {
                "profile_id": "a",
                "pieces": 4,
                "last": datetime(1997, 5, 31),  # noqa: DTZ001
                "moment": datetime(1997, 6, 1),  # noqa: DTZ001
            }
        ]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    async def test_a_full_disk_is_not_the_query_s_fault(self, datasets: dict[str, Path]) -> None:
        out = next(iter(datasets.values())).with_name("answer.parquet")
        out.symlink_to("/dev/full")
        with pytest.raises(InsufficientStorage):
            await answer("SELECT customer AS profile_id FROM purchases", datasets)
        assert not out.is_symlink()

    async def test_gives_no_more_than_asked(self, datasets: dict[str, Path]) -> None:
        assert (
            len(await answer("SELECT customer AS profile_id FROM purchases", datasets, limit=2))
            == 2
        )

    @pytest.mark.walk
    async def test_streams_more_than_its_memory(
        self, datasets: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process that collects the rows first needs 400 MB more."""
        monkeypatch.setattr(user_sql, "_MORE_MEMORY", 300 * 1024**2)
        sql = "SELECT repeat('x', 1000) AS t FROM range(400000)"
        assert len(await answer(sql, datasets, memory=100 * 1024**2)) == 400_000

    @pytest.mark.parametrize(
        ("sql", "words"),
        [
            ("SELECT nope FROM purchases", "nope"),
            ("SELECT * FROM elsewhere", "no dataset elsewhere"),
            ("SELECT 1 AS a, 2 AS A", "duplicate column"),
            ("SELECT error('as told')", "as told"),
            ("SELECT CAST('x' AS INTEGER)", "Could not convert"),
            ("SELECT sum(9223372036854775807) FROM range(3)", "INT64|INT128|BIGINT|range"),
        ],
    )
    async def test_says_what_is_wrong(
        self, datasets: dict[str, Path], sql: str, words: str
    ) -> None:
        with pytest.raises(DefinitionFailed, match=words) as caught:
            await answer(sql, datasets)
        assert str(datasets["purchases"]) not in caught.value.message
        assert not datasets["purchases"].with_name("answer.parquet").exists()

    @pytest.mark.walk
    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT count(*) FROM range(100000000000000)",
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT sum(n) FROM t",
        ],
    )
    async def test_is_stopped_at_its_deadline(self, datasets: dict[str, Path], sql: str) -> None:
        begun = time.monotonic()
        with pytest.raises(DefinitionFailed, match="longer than 2 seconds"):
            await answer(sql, datasets, seconds=2)
        assert time.monotonic() - begun < 6

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT repeat('x', 3000000000)",
            "SELECT list(range) FROM range(1000000000)",
            "SELECT string_agg(repeat('x', 1000), '') FROM range(100000000)",
            "SELECT a.range FROM range(30000) a, range(30000) b ORDER BY md5(CAST(a.range * b.range AS VARCHAR))",
        ],
    )
    async def test_is_stopped_at_its_memory(self, datasets: dict[str, Path], sql: str) -> None:
        with pytest.raises(DefinitionFailed, match=r"memory|longer"):
            await answer(sql, datasets, memory=500 * 1024**2)

    @pytest.mark.parametrize("kills", [1, 2])
    async def test_a_process_that_is_killed_once_is_replaced(
        self, datasets: dict[str, Path], tmp_path: Path, kills: int
    ) -> None:
        """As the system kills when there is no memory left; another query goes on."""
        gate = tmp_path / "other"
        gate.mkdir()
        other = {"purchases": gate / "purchases.parquet"}
        other["purchases"].write_bytes(datasets["purchases"].read_bytes())
        slow = "SELECT count(*) AS n FROM range(200000000) t(i) WHERE i % 7 = 3"
        task = asyncio.create_task(answer(slow, datasets))
        killed: set[int] = set()
        for _ in range(kills):
            running = await asyncio.to_thread(awaited_children)
            while not running - killed:
                running = await asyncio.to_thread(awaited_children)
            (pid,) = running - killed
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        assert (await answer("SELECT 1 AS one", other))["one"].to_pylist() == [1]
        if kills == 1:
            assert (await task).num_rows == 1
        else:
            with pytest.raises(DefinitionFailed, match="was killed twice; most likely"):
                await task

    async def test_a_cancelled_caller_leaves_no_process(self, datasets: dict[str, Path]) -> None:
        task = asyncio.create_task(answer("SELECT count(*) FROM range(100000000000000)", datasets))
        running = await asyncio.to_thread(awaited_children)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not running & running_children()

    async def test_a_caller_that_is_cancelled_during_the_start_leaves_no_process(
        self, datasets: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started, right = threading.Event(), children.start_child

        def slow(module: str, ahead: str) -> Any:
            child = right(module, ahead)
            started.set()
            time.sleep(0.3)
            return child

        monkeypatch.setattr(spares, "start_child", slow)
        task = asyncio.create_task(answer("SELECT count(*) FROM range(100000000000000)", datasets))
        await asyncio.to_thread(started.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not running_children()


def awaited_children() -> set[int]:
    while not (running := running_children()):
        time.sleep(0.02)
    return running


@pytest.mark.usefixtures("unchecked")
class TestBreakingOut:
    """The process must protect even if the check of the text misses something."""

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT * FROM read_text('/etc/passwd')",
            "SELECT * FROM read_blob('/proc/self/environ')",
            "SELECT * FROM read_csv('/etc/passwd')",
            "SELECT * FROM '/etc/passwd'",
            "SELECT * FROM read_text('{folder}/secret.txt')",
            "SELECT * FROM read_csv('{folder}/../../../../../../etc/passwd')",
            "SELECT * FROM read_parquet('{folder}/other.parquet')",
            "SELECT * FROM '{folder}/other.parquet'",
            "SELECT * FROM glob('/*')",
            "SELECT * FROM glob('{folder}/*')",
            "SELECT * FROM read_text('http://127.0.0.1:9/x')",
            "SELECT * FROM 's3://bucket/x.parquet'",
            "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
            "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''/etc/passwd'')'))",
            "SELECT getenv('PATH')",
            "SELECT * FROM sniff_csv('/etc/passwd')",
            "SELECT * FROM parquet_metadata('{folder}/other.parquet')",
            "COPY (SELECT 1) TO '{folder}/written.csv'",
            "COPY purchases TO '{folder}/written.parquet'",
            "EXPORT DATABASE '{folder}/written'",
            "ATTACH '{folder}/written.db' AS other",
            "ATTACH ':memory:' AS other",
            "INSTALL httpfs",
            "LOAD httpfs",
            "LOAD '{folder}/evil.duckdb_extension'",
            "SET enable_external_access = true",
            "SET memory_limit = '100GB'",
            "SET allowed_paths = ['/etc/passwd']",
            "RESET lock_configuration",
            "PRAGMA memory_limit = '100GB'",
            "CALL pragma_version()",
            "CREATE TABLE t AS SELECT 1",
            "CREATE MACRO f() AS 1",
            "DELETE FROM purchases",
            "SELECT 1; SELECT 2",
            "SELECT 1; COPY (SELECT 1) TO '{folder}/written.csv'",
            "BEGIN",
            "",
        ],
    )
    async def test_is_refused(self, datasets: dict[str, Path], sql: str) -> None:
        folder = datasets["purchases"].parent
        (folder / "secret.txt").write_text("the secret")
        pq.write_table(pa.table({"secret": ["the secret"]}), folder / "other.parquet")
        before = {path.name for path in folder.iterdir()}
        with pytest.raises(DefinitionFailed) as caught:
            await answer(sql.replace("{folder}", str(folder)), datasets)
        assert "the secret" not in caught.value.message
        assert "root:" not in caught.value.message
        assert {path.name for path in folder.iterdir()} == before

    @pytest.mark.walk
    async def test_has_no_environment(self, datasets: dict[str, Path]) -> None:
        table = await answer("SELECT name, value FROM duckdb_settings()", datasets)
        settings = dict(zip(table["name"].to_pylist(), table["value"].to_pylist(), strict=True))
        assert settings["enable_external_access"] in {"false", "0"}
        assert settings["lock_configuration"] in {"true", "1"}
        assert settings["autoload_known_extensions"] in {"false", "0"}

    async def test_python_objects_are_no_tables(self, datasets: dict[str, Path]) -> None:
        with pytest.raises(DefinitionFailed):
            await answer("SELECT * FROM job", datasets)


class TestCheckDefinition:
    @pytest.mark.parametrize(
        "sql",
        [
            "",
            "  ",
            "SELECT a AS profile_id FROM t WHERE day > $as_of - INTERVAL 7 DAY",
            "WITH x AS (SELECT 1 AS n) SELECT * FROM x, generate_series(1, 3), unnest([1])",
            "SELECT age(day, $as_of), date_trunc('day', $as_of), max(d) FILTER (d IS NOT NULL) FROM t;",
            "SELECT 'now() and random()' AS profile_id -- now()",
            "SELECT TIMESTAMP 'epoch', DATE 'infinity', 'today' AS date, CAST('now' AS TEXT), label > 'nowadays' FROM t",
            "SELECT x FROM t WHERE label = 'now' AND CAST(CASE WHEN label IN ('today') THEN x END AS DATE) < $as_of",
            "FROM t SELECT x ORDER BY x LIMIT 5",
            "SELECT profile_id FROM t QUALIFY row_number() OVER (PARTITION BY a ORDER BY b) = 1",
        ],
    )
    def test_takes(self, sql: str) -> None:
        assert check_definition(sql) == []

    @pytest.mark.parametrize(
        ("sql", "words"),
        [
            ("SELECT now()", r"\$as_of"),
            ("SELECT current_date", r"\$as_of"),
            ("SELECT current_timestamp", r"\$as_of"),
            ("SELECT localtimestamp", r"\$as_of"),
            ("SELECT today()", r"\$as_of"),
            ("SELECT NOW() - day FROM t", r"\$as_of"),
            ("SELECT age(day) FROM t", r"\$as_of"),
            ("SELECT * FROM (SELECT x FROM t WHERE y IN (SELECT now()))", r"\$as_of"),
            ("SELECT 'today'::date", r"\$as_of"),
            ("SELECT TIMESTAMP 'now'", r"\$as_of"),
            ("SELECT TRY_CAST(' Now ' AS TIMESTAMP WITH TIME ZONE)", r"\$as_of"),
            ("SELECT ('tomorrow 12:00')::text::timestamp(3), $$today$$", r"\$as_of"),
            ("SELECT 'now'::TIME", r"\$as_of"),
            ("SELECT ['2026-01-01', 'yesterday']::DATE[]", r"\$as_of"),
            ("SELECT x FROM t WHERE day > 'today'", r"\$as_of"),
            ("SELECT x FROM t WHERE 'yesterday' <= day", r"\$as_of"),
            ("SELECT x FROM t WHERE day BETWEEN '2026-01-01' AND 'today'", r"\$as_of"),
            ("SELECT * FROM t ORDER BY random()", "differs each time"),
            ("SELECT uuid()", "differs each time"),
            ("SELECT gen_random_uuid()", "differs each time"),
            ("SELECT * FROM t TABLESAMPLE 10%", "sample"),
            ("SELECT * FROM t USING SAMPLE 10 ROWS", "sample"),
            ("SELECT * FROM 'x.parquet'", "Files"),
            ("SELECT * FROM read_csv('x')", "not available"),
            ("SELECT * FROM information_schema.tables", "not available"),
            ("SELECT $other", "only parameter"),
            ("SELECT 1; SELECT 2", "exactly one"),
            ("DELETE FROM t", "exactly one"),
            ("DESCRIBE t", "SELECT"),
            ("SELEC 1", "not valid SQL"),
            ("(entry_conditions)", "not valid SQL"),
            ("SELECT " + "(" * 5000 + "1" + ")" * 5000, "deeper"),
            ("SELECT * FROM " + "(SELECT * FROM " * 4000 + "t" + ")" * 4000, "deeper"),
            ("SELECT 1 " + " " * 70_000, "longer"),
            ("SELECT '\0'", "NUL"),
        ],
    )
    def test_refuses(self, sql: str, words: str) -> None:
        problems = check_definition(sql)
        assert problems
        assert problems[0].field == "definition.query"
        assert any(re.search(words, problem.message) for problem in problems)

    def test_knows_the_datasets_of_the_space(self) -> None:
        assert check_definition("SELECT * FROM Orders", ["orders"]) == []
        (problem,) = check_definition("SELECT * FROM visits", ["orders"])
        assert "no dataset visits" in problem.message
        assert "orders" in problem.message

    def test_joins_of_very_many_tables_are_a_fault_of_the_query(self) -> None:
        tables = ", ".join(f"t{number}" for number in range(2000))
        (problem,) = check_definition(f"SELECT t0.profile_id FROM {tables}")
        assert "nests too deep" in problem.message


class TestWithoutSemicolon:
    @pytest.mark.parametrize(
        ("sql", "bare"),
        [
            ("SELECT 1; -- x", "SELECT 1"),
            ("SELECT ';' AS a ; ; ", "SELECT ';' AS a "),
            ("SELECT 1 /* ; */", "SELECT 1 /* ; */"),
            ("SELECT 'äö€' ;", "SELECT 'äö€' "),
            ("-- a;\nSELECT 2;/* b; */\n", "-- a;\nSELECT 2"),
            ('SELECT "a;b" FROM t', 'SELECT "a;b" FROM t'),
        ],
    )
    def test_only_the_one_at_the_end_is_taken_off(self, sql: str, bare: str) -> None:
        assert without_semicolon(sql) == bare

    def test_ten_times_as_many_take_no_hundred_times_as_long(self) -> None:
        def seconds(count: int) -> float:
            began = time.perf_counter()
            without_semicolon("SELECT '" + ";" * count + "' AS a")
            return time.perf_counter() - began

        seconds(10)
        assert seconds(60_000) < 30 * max(seconds(6_000), 0.01)
