"""Reading in a child process: no data of a server ends the parent process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.connectors.errors import TransientFailure
from app.sources.postgres import process
from app.sources.postgres.failures import QueryRejected
from app.sources.postgres.reader import ReadLimits
from app.sources.postgres.settings import PostgresSource
from tests.integration.sources.test_reader import AS_OF, LIMITS, OPEN, source
from tests.users_database import PASSWORD, UsersDatabase

SLEEP = "SELECT pg_sleep(60)::text AS s"

# A worker that is ended with SIGKILL.
WORKER = """
import asyncio, sys
from tests.integration.sources.test_process import *
fields = {"host": "127.0.0.1", "port": int(sys.argv[1]), "database": "shop", "user": "reader", "ssl_mode": "disable"}
there = process.PostgresSource(**fields, password=PASSWORD)
asyncio.run(process.read_rows(there, SLEEP, AS_OF, Path(sys.argv[2]), policy=OPEN, limits=LIMITS))
"""


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


@contextlib.asynccontextmanager
async def saying(answer: bytes, second: bytes = b"", endless: bytes = b"") -> AsyncIterator[int]:
    """Serve a response to every client, another one to its second message, and then without end. Yields the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(1024)
            writer.write(answer)
            await writer.drain()
            if endless:
                await reader.read(1024)
                writer.write(second)
            while endless:
                writer.write(endless)
                await writer.drain()
            await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def read_one(there: PostgresSource, folder: Path, limits: ReadLimits) -> None:
    await process.read_rows(there, "SELECT 1 AS x", AS_OF, folder / "x", policy=OPEN, limits=limits)


class TestReading:
    @pytest.mark.walk
    async def test_returns_rows_and_reports_progress(
        self, users_database: UsersDatabase, tmp_path: Path
    ) -> None:
        told: list[tuple[int, int]] = []
        stats = await process.read_rows(
            source(users_database),
            "SELECT g AS n, $as_of AS at FROM generate_series(1, 20000) AS g",
            AS_OF,
            tmp_path / "rows",
            policy=OPEN,
            limits=LIMITS,
            progress=lambda rows, size: told.append((rows, size)),
        )
        assert (stats.rows, stats.columns) == (20_000, {"n": "INTEGER", "at": "TIMESTAMP"})
        assert stats.moment.tzinfo is not None
        assert told[-1] == (20_000, stats.bytes)
        assert pq.read_metadata(tmp_path / "rows").num_rows == 20_000

    @pytest.mark.walk
    async def test_cancelling_cancels_the_query_at_the_server(
        self, users_database: UsersDatabase, tmp_path: Path
    ) -> None:
        task = asyncio.create_task(
            process.read_rows(
                source(users_database), SLEEP, AS_OF, tmp_path / "x", policy=OPEN, limits=LIMITS
            )
        )
        await asyncio.to_thread(users_database.until, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(users_database.until, 0, 2)
        assert os.listdir(tmp_path) == []  # noqa: PTH208  (a moment's work)

    @pytest.mark.walk
    async def test_a_worker_that_is_killed_ends_its_query(
        self, users_database: UsersDatabase, tmp_path: Path
    ) -> None:
        command = [sys.executable, "-c", WORKER, str(users_database.port), str(tmp_path / "x")]
        worker = subprocess.Popen(command, cwd=Path(__file__).parents[3])  # noqa: ASYNC220
        try:
            await asyncio.to_thread(users_database.until, 1, 30)
        finally:
            worker.kill()
            worker.wait()
        await asyncio.to_thread(users_database.until, 0, 3)

    # With so little memory, fragments of a busy machine can use it up before the bound does.
    @pytest.mark.chaos
    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT repeat('x', 160000000) AS x",
            "SELECT repeat('x', g * g * g * 4000) AS x FROM generate_series(1, 30) AS g",
        ],
    )
    async def test_a_row_too_large_for_memory_ends_the_read_at_once_and_leaves_no_file(
        self,
        users_database: UsersDatabase,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        sql: str,
    ) -> None:
        """Without a bound the driver loses the error, and waits for an end that never comes."""
        monkeypatch.setattr(process, "_MEMORY", 700 * 1024**2)  # less costs less
        with pytest.raises(QueryRejected, match="shorten the longest column"):
            await process.read_rows(
                source(users_database), sql, AS_OF, tmp_path / "x", policy=OPEN, limits=LIMITS
            )
        assert os.listdir(tmp_path) == []  # noqa: PTH208  (a moment's work)

    async def test_a_fault_of_the_local_disk_is_not_a_fault_of_the_database(
        self, users_database: UsersDatabase, tmp_path: Path
    ) -> None:
        out = tmp_path / "missing" / "x"
        with pytest.raises(FileNotFoundError):
            await process.read_rows(
                source(users_database), "SELECT 1 AS x", AS_OF, out, policy=OPEN, limits=LIMITS
            )


class TestHostileServers:
    async def test_bytes_that_crash_the_driver_end_only_the_child(
        self, users_database: UsersDatabase
    ) -> None:
        # The second part of a password exchange that was never begun.
        async with saying(message(b"R", struct.pack("!i", 11) + b"garbage")) as port:
            there = source(users_database, port=port, query="SELECT 1 AS x")
            with pytest.raises(QueryRejected, match="not PostgreSQL"):
                await process.check_source(there, AS_OF, policy=OPEN)

    async def test_an_error_of_the_driver_becomes_a_message(
        self, users_database: UsersDatabase
    ) -> None:
        welcome = message(b"R", bytes(4)) + message(b"S", b"client_encoding\0NOSUCH\0")
        answer = welcome + message(b"K", bytes(8)) + message(b"Z", b"I")
        async with saying(answer) as port:
            with pytest.raises(TransientFailure, match="not PostgreSQL's") as caught:
                await process.check_source(source(users_database, port=port), AS_OF, policy=OPEN)
        assert PASSWORD not in str(caught.value)

    @pytest.mark.parametrize(
        ("first", "piece"),
        [
            (b"D" + struct.pack("!i", 2**31 - 1), b"x" * 65536),
            (b"", message(b"N", b"SNOTICE\0C00000\0M" + b"x" * 65000 + b"\0\0")),
        ],
        ids=["a row without an end", "notices without an end"],
    )
    async def test_a_server_that_sends_without_end_is_left(
        self, users_database: UsersDatabase, tmp_path: Path, first: bytes, piece: bytes
    ) -> None:
        facts = (b"server_version\x0017.0\0", b"client_encoding\0UTF8\0")
        welcome = message(b"R", bytes(4)) + b"".join(message(b"S", fact) for fact in facts)
        welcome += message(b"K", bytes(8)) + message(b"Z", b"I")
        async with saying(welcome, first, piece) as port:
            with pytest.raises(QueryRejected, match="MiB at once"):
                await read_one(source(users_database, port=port), tmp_path, LIMITS)

    @pytest.mark.walk
    async def test_a_silent_server_is_left_at_the_deadline(
        self, users_database: UsersDatabase, tmp_path: Path
    ) -> None:
        async with saying(b"") as port:
            hasty = ReadLimits(1, 1, timedelta(seconds=1))
            with pytest.raises(QueryRejected, match="longer than 1 seconds"):
                await read_one(source(users_database, port=port), tmp_path, hasty)
