"""Reading from a real PostgreSQL over TCP: types, amounts, failures, TLS and addresses."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from app.connectors.addresses import AddressRefused, OutboundPolicy
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    TransientFailure,
)
from app.sources.postgres.failures import QueryRejected
from app.sources.postgres.reader import ReadLimits, ReadStats, check_source, read_rows
from app.sources.postgres.settings import PostgresSource
from tests.users_database import PASSWORD, USER, UsersDatabase, behind_tls, certificate

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
LIMITS = ReadLimits(10_000_000, 1024**3, timedelta(seconds=30))
OPEN = OutboundPolicy("127.0.0.1")


def source(database: UsersDatabase, /, **fields: Any) -> PostgresSource:
    known = database.fields
    known["ssl_mode"] = known.pop("sslMode")
    return PostgresSource(**{**known, **fields})


class Reader:
    """Reads into a file and returns its content."""

    def __init__(self, database: UsersDatabase, folder: Path) -> None:
        self.database = database
        self.out = folder / "rows.parquet"

    async def stats(self, sql: str, *, limits: ReadLimits = LIMITS, **fields: Any) -> ReadStats:
        return await read_rows(
            source(self.database, **fields), sql, AS_OF, self.out, policy=OPEN, limits=limits
        )

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        await self.stats(sql)
        rows: list[dict[str, Any]] = pq.read_table(self.out).to_pylist()
        return rows


@pytest.fixture
def reader(users_database: UsersDatabase, tmp_path: Path) -> Reader:
    return Reader(users_database, tmp_path)


class TestTypes:
    @pytest.mark.parametrize(
        ("expression", "kind", "value"),
        [
            ("true", "BOOLEAN", True),
            ("1::smallint", "SMALLINT", 1),
            ("1::int", "INTEGER", 1),
            ("9223372036854775807", "BIGINT", 2**63 - 1),
            ("1.5::real", "FLOAT", 1.5),
            ("1.1::float8", "DOUBLE", 1.1),
            ("3.50::numeric(10,2)", "DECIMAL", Decimal("3.50")),
            ("sum(x) FROM (VALUES (1::bigint), (2)) AS t(x)", "DECIMAL", Decimal(3)),
            ("12.34::money", "DECIMAL", Decimal("12.34")),
            ("'ä€'::text", "VARCHAR", "ä€"),
            ("'x'::varchar(3)", "VARCHAR", "x"),
            ("'x'::char(3)", "VARCHAR", "x"),
            ("'x'::name", "VARCHAR", "x"),
            ("date '2026-01-31'", "DATE", date(2026, 1, 31)),
            ("timestamp '2026-01-31 12:30'", "TIMESTAMP", datetime(2026, 1, 31, 12, 30)),  # noqa: DTZ001
            ("timestamptz '2026-01-31 12:30+02'", "TIMESTAMP", datetime(2026, 1, 31, 10, 30)),  # noqa: DTZ001
            ("time '12:30'", "VARCHAR", "12:30:00"),
            ("interval '1 day 2 hours'", "VARCHAR", "1 day 02:00:00"),
            ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "VARCHAR", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            ("'10.1.2.3'::inet", "VARCHAR", "10.1.2.3"),
            ("'[1,5)'::int4range", "VARCHAR", "[1,5)"),
            ("'{\"b\": 1}'::jsonb", "JSON", '{"b": 1}'),
            ("'{\"b\":1}'::json", "JSON", '{"b":1}'),
            ("ROW(1, 'x')", "JSON", '{"f1":1,"f2":"x"}'),
            ("ARRAY['a', NULL, 'b']", "VARCHAR[]", ["a", None, "b"]),
            ("ARRAY[1, 2]", "INTEGER[]", [1, 2]),
            ("ARRAY[1.5, 2]", "DOUBLE[]", [1.5, 2.0]),
            ("ARRAY[true]", "BOOLEAN[]", [True]),
            ("ARRAY[timestamptz '2026-01-31 12:30+02']", "TIMESTAMP[]", [datetime(2026, 1, 31, 10, 30)]),  # noqa: DTZ001
            ("ARRAY['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid]", "VARCHAR[]", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
            ("'sad'::mood", "VARCHAR", "sad"),
            ("7::small_number", "INTEGER", 7),
            ("NULL::numeric", "DECIMAL", None),
            ("$as_of", "TIMESTAMP", datetime(2026, 2, 1)),  # noqa: DTZ001
        ],
    )  # fmt: skip
    async def test_of_postgresql(
        self, reader: Reader, expression: str, kind: str, value: object
    ) -> None:
        head, _, tail = expression.partition(" FROM ")
        stats = await reader.stats(f"SELECT {head} AS x{' FROM ' + tail if tail else ''}")
        assert stats.columns == {"x": kind}
        assert pq.read_table(reader.out).to_pylist() == [{"x": value}]

    @pytest.mark.parametrize(
        ("sql", "words"),
        [
            ("SELECT 'x'::bytea AS b", "column b has the type bytea"),
            ("SELECT ARRAY['x'::bytea] AS b", "column b"),
            ("SELECT 1 AS a, 2 AS \"A\"", "Duplicate column: A"),
            ("SELECT", "no columns"),
            ("SELECT 'NaN'::numeric AS n", "column n has a number"),
            ("SELECT repeat('9', 39)::numeric AS n", "column n has a number"),
            ("SELECT ARRAY[[1, 2], [3, 4]] AS a", "column a has a value"),
            ("SELECT date '4000-01-01 BC' AS d", "cannot be stored"),
        ],
    )  # fmt: skip
    async def test_unsupported_types_are_refused_by_column(
        self, reader: Reader, sql: str, words: str
    ) -> None:
        with pytest.raises(QueryRejected, match=words):
            await reader.stats(sql)
        assert not reader.out.exists()

    @pytest.mark.walk
    async def test_exact_numbers_get_the_scale_that_holds_them_all(self, reader: Reader) -> None:
        await reader.stats(
            "SELECT CASE WHEN i < 200000 THEN i * 0.5 ELSE i / 1000.000 END AS n "
            "FROM generate_series(1, 250000) AS i"
        )
        table = pq.read_table(reader.out)
        assert len(table) == 250_000
        found = table["n"].to_pylist()
        assert found[0] == Decimal("0.5")
        assert found[-1] == Decimal(250)
        assert found[-2] == Decimal("249.999")


class TestRead:
    @pytest.mark.walk
    async def test_200_000_rows_in_flat_memory(self, reader: Reader) -> None:
        """Memory holds one group of the file at a time, so the whole read needs no more than the first group."""
        sql = "SELECT i AS id, repeat(md5(i::text), 24) AS wide FROM generate_series(1, {}) AS i"
        await reader.stats(sql.format(50_000))
        before = _resident()
        stats = await reader.stats(sql.format(200_000))
        assert stats.rows == 200_000
        assert stats.bytes > 150_000_000
        assert _resident() - before < 100_000_000
        assert pq.read_metadata(reader.out).num_rows == 200_000

    async def test_reports_progress(self, reader: Reader) -> None:
        told: list[int] = []
        await read_rows(
            source(reader.database),
            "SELECT generate_series(1, 60000) AS i",
            AS_OF,
            reader.out,
            policy=OPEN,
            limits=LIMITS,
            progress=lambda rows, _bytes: told.append(rows),
        )
        assert told[-1] == 60_000
        assert len(told) > 3

    async def test_sees_one_snapshot(self, reader: Reader) -> None:
        stats = await reader.stats("SELECT 1 AS one")
        assert abs(datetime.now(UTC) - stats.moment) < timedelta(minutes=1)

    @pytest.mark.parametrize(
        "limits",
        [ReadLimits(99, 1024**3, LIMITS.time), ReadLimits(10**9, 1000, LIMITS.time)],
    )
    async def test_stops_at_its_limits(self, reader: Reader, limits: ReadLimits) -> None:
        with pytest.raises(QueryRejected, match="more than the limit"):
            await reader.stats("SELECT generate_series(1, 1000000) AS i", limits=limits)
        assert not reader.out.exists()
        assert reader.database.connected() == 0

    @pytest.mark.walk
    async def test_is_stopped_at_its_deadline_also_at_the_server(self, reader: Reader) -> None:
        limits = ReadLimits(10, 10, timedelta(seconds=1))
        with pytest.raises(QueryRejected, match="longer than 1 seconds"):
            await reader.stats("SELECT pg_sleep(60)::text AS s", limits=limits)
        assert reader.database.connected() == 0

    async def test_cancelling_cancels_the_query_at_the_server(self, reader: Reader) -> None:
        task = asyncio.create_task(reader.stats("SELECT pg_sleep(60)::text AS s"))
        await asyncio.to_thread(reader.database.until, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(reader.database.until, 0, 2)
        assert not reader.out.exists()

    @pytest.mark.walk
    async def test_a_server_that_is_killed_during_the_read_is_unavailable(
        self, reader: Reader
    ) -> None:
        started = asyncio.Event()
        sql = "SELECT repeat('x', 1000) AS x FROM generate_series(1, 3000000)"

        async def reading() -> None:
            await read_rows(
                source(reader.database),
                sql,
                AS_OF,
                reader.out,
                policy=OPEN,
                limits=ReadLimits(10**9, 10**11, timedelta(seconds=60)),
                progress=lambda _rows, _bytes: started.set(),
            )

        task = asyncio.create_task(reading())
        await started.wait()
        try:
            await asyncio.to_thread(reader.database.kill)
            with pytest.raises(TransientFailure, match="was lost") as caught:
                await task
            assert PASSWORD not in str(caught.value)
            with pytest.raises(TransientFailure, match="no PostgreSQL listens there"):
                await reader.stats("SELECT 1 AS x")
        finally:
            reader.database.start()  # not in a thread: the server ends with the one that began it
        assert not reader.out.exists()
        assert await reader.rows("SELECT 1 AS x") == [{"x": 1}]


class TestRefusals:
    """The server prevents writing, even for a statement that the check of its text accepts."""

    @pytest.mark.parametrize(
        ("sql", "words"),
        [
            ("WITH x AS (INSERT INTO orders VALUES ('z') RETURNING 1) SELECT * FROM x", r"top level|permission"),
            ("WITH x AS (SELECT 1) INSERT INTO orders SELECT 'z' RETURNING 1 AS one", "syntax error"),
            ("SELECT * INTO stolen FROM orders", "no columns"),
            ("SELECT * FROM orders FOR UPDATE", "only read"),
            ("SELECT set_config('transaction_read_only', 'off', true) AS x", "read-write mode"),
            ("SELECT pg_read_file('/etc/passwd') AS x", "permission denied"),
            ("SELECT lo_import('/etc/passwd') AS x", r"permission denied|read-only"),
            ("SELECT 1) AS answer; DROP TABLE orders; --", "semicolon"),
            ("SELECT 1) AS answer UNION ALL (SELECT 2", "syntax error"),
            ("SELECT * FROM secrets", "permission denied for table secrets"),
            ("SELECT set_role('postgres') AS x", "does not exist"),
            ("SELECT set_config('role', 'postgres', true) AS x", "permission denied"),
        ],
    )  # fmt: skip
    async def test_only_reading_is_possible(self, reader: Reader, sql: str, words: str) -> None:
        before = reader.database.sql("SELECT count(*) FROM orders")
        with pytest.raises(QueryRejected, match=words):
            await reader.stats(sql)
        assert reader.database.sql("SELECT count(*) FROM orders") == before

    @pytest.mark.parametrize(
        ("condition", "kind"),
        [
            ("day = 'today'", "date"),
            ("day IN ('2026-01-01', 'yesterday')", "date"),
            ("day BETWEEN '2026-01-01' AND 'today'", "date"),
            ("at - 'now' = interval '1 day' AND at < $as_of", "timestamp"),
            ("coalesce(day, 'today') < $as_of", "date"),
            ("age('now', at) = interval '1 day'", "timestamp"),
            ("day = ANY ('{today,tomorrow}')", "date[]"),
            ("label = 'now' AND day = 'now'", "date"),
            ("label = 'now' AND 'today' = label AND label IN ('x', 'today')", None),
            ("data -> 'now' IS NOT NULL OR data @> '{\"today\": 1}'", None),
        ],
    )
    async def test_a_text_that_the_server_reads_as_the_clock(
        self, reader: Reader, condition: str, kind: str | None
    ) -> None:
        columns = "date '2026-01-31' AS day, timestamp '2026-01-31' AS at, 'x' AS label, jsonb '{}' AS data"
        sql = f"SELECT label FROM (SELECT {columns}) AS t WHERE {condition}"
        if kind is None:
            assert (await reader.stats(sql)).rows == 0
            return
        with pytest.raises(QueryRejected, match=rf"becomes a {re.escape(kind)}; use \$as_of"):
            await reader.stats(sql)

    @pytest.mark.parametrize(
        ("sql", "words"),
        [
            ("SELECT customer_id,\n  nope FROM orders", r'column "nope" does not exist \(line 2, column 3\)'),
            ("SELECT $as_of AS a, nope FROM orders", r"line 1, column 21"),
            ("SELECT * FROM elsewhere", r'relation "elsewhere" does not exist'),
            ("SELECT 1 AS a FRM orders", "syntax error"),
            ("SELECT 1 / 0 AS x", "division by zero"),
        ],
    )  # fmt: skip
    async def test_reports_the_message_and_position_of_postgresql(
        self, reader: Reader, sql: str, words: str
    ) -> None:
        with pytest.raises(QueryRejected, match=words):
            await reader.stats(sql)


class TestCheck:
    async def test_shows_columns_without_reading(self, users_database: UsersDatabase) -> None:
        found = await check_source(
            source(users_database, table="public.orders"), AS_OF, policy=OPEN
        )
        assert found.columns == {
            "customer_id": "VARCHAR",
            "email": "VARCHAR",
            "amount": "DECIMAL",
            "bought_at": "TIMESTAMP",
        }
        assert "PostgreSQL" in found.message
        (warning,) = found.warnings
        assert "Without TLS" in warning

    async def test_a_connection_alone_has_no_columns(self, users_database: UsersDatabase) -> None:
        assert (await check_source(source(users_database), AS_OF, policy=OPEN)).columns is None

    @pytest.mark.parametrize(
        ("fields", "kind", "words"),
        [
            ({"password": "not-this-password"}, AuthenticationRejected, "refused the login of reader"),
            ({"user": "stranger"}, AuthenticationRejected, "refused the login of stranger"),
            ({"database": "elsewhere"}, ConfigurationRejected, 'database "elsewhere" does not exist'),
            ({"port": 1}, TransientFailure, "no PostgreSQL listens"),
            ({"host": "nothing.invalid"}, TransientFailure, "could not be resolved"),
            ({"ssl_mode": "verify-full"}, ConfigurationRejected, "does not support TLS"),
            ({"table": "Orders"}, QueryRejected, 'relation "Orders" does not exist'),
            ({"table": "secrets"}, QueryRejected, "permission denied"),
            ({"query": "SELECT nope FROM orders"}, QueryRejected, "nope"),
        ],
    )  # fmt: skip
    async def test_says_what_is_wrong(
        self, users_database: UsersDatabase, fields: dict[str, Any], kind: Any, words: str
    ) -> None:
        with pytest.raises(kind, match=words) as caught:
            await check_source(source(users_database, **fields), AS_OF, policy=OPEN)
        for secret in (PASSWORD, "not-this-password"):
            assert secret not in str(caught.value)

    async def test_warns_of_a_superuser(self, users_database: UsersDatabase) -> None:
        users_database.sql(f"ALTER ROLE {USER} SUPERUSER")
        try:
            found = await check_source(source(users_database), AS_OF, policy=OPEN)
        finally:
            users_database.sql(f"ALTER ROLE {USER} NOSUPERUSER")
        assert any("superuser" in warning for warning in found.warnings)


class TestAddresses:
    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "::1", "169.254.169.254", "10.0.0.5",
         "::ffff:127.0.0.1", "0.0.0.0", "metadata.google.internal."],
    )  # fmt: skip
    async def test_no_internal_address_is_dialled_unless_it_is_allowed(
        self, users_database: UsersDatabase, host: str
    ) -> None:
        with pytest.raises(ConnectorError) as caught:
            await check_source(source(users_database, host=host), AS_OF, policy=OutboundPolicy())
        assert isinstance(caught.value, AddressRefused) or "resolved" in str(caught.value)

    @pytest.mark.parametrize(
        "host",
        ["/var/run/postgresql", "@abstract", "a,b", "127.0.0.1,10.0.0.1", "host/x", "host?sslmode=disable",
         "user@host", "fe80::1%eth0", "", " ", "host name", "postgresql://x/y", "[::1]", "-h"],
    )  # fmt: skip
    def test_a_host_is_one_name(self, users_database: UsersDatabase, host: str) -> None:
        with pytest.raises(ValueError, match="host"):
            source(users_database, host=host)

    async def test_the_environment_has_no_influence(
        self, users_database: UsersDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {
            "PGHOST": "/tmp", "PGPORT": "1", "PGUSER": "postgres", "PGDATABASE": "postgres", "PGSSLMODE": "verify-full",
            "PGSERVICE": "x", "PGTARGETSESSIONATTRS": "primary", "PGSSLNEGOTIATION": "direct", "PGGSSLIB": "sspi",
        }.items():  # fmt: skip
            monkeypatch.setitem(os.environ, name, value)
        await check_source(source(users_database), AS_OF, policy=OPEN)


class TestTls:
    """The certificate is checked against the configured name, although an address is dialled."""

    @pytest.fixture
    def tls(self, tmp_path: Path) -> tuple[ssl.SSLContext, str]:
        return certificate("localhost", tmp_path)

    async def test_verify_full_with_its_authority(
        self, users_database: UsersDatabase, tls: tuple[ssl.SSLContext, str], tmp_path: Path
    ) -> None:
        async with behind_tls(users_database, tls[0]) as port:
            trusted = _verified(users_database, port, tls[1])
            found = await check_source(trusted, AS_OF, policy=OPEN)
            assert found.warnings == []
            stats = await read_rows(
                trusted, "SELECT 1 AS x", AS_OF, tmp_path / "x", policy=OPEN, limits=LIMITS
            )
            assert stats.rows == 1

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({}, "not trusted"),  # the signer is unknown
            ({"host": "127.0.0.1", "own": True}, "not trusted"),  # it is for another name
        ],
    )
    async def test_a_wrong_certificate_is_refused_with_the_fix(
        self,
        users_database: UsersDatabase,
        tls: tuple[ssl.SSLContext, str],
        fields: dict[str, Any],
        words: str,
    ) -> None:
        given = {"host": "localhost", "ssl_mode": "verify-full", **fields}
        if given.pop("own", False):
            given["ca_certificate"] = tls[1]
        async with behind_tls(users_database, tls[0]) as port:
            with pytest.raises(ConfigurationRejected, match=words) as caught:
                await check_source(source(users_database, port=port, **given), AS_OF, policy=OPEN)
        assert "caCertificate" in caught.value.message

    async def test_require_encrypts_and_warns(
        self, users_database: UsersDatabase, tls: tuple[ssl.SSLContext, str]
    ) -> None:
        async with behind_tls(users_database, tls[0]) as port:
            found = await check_source(
                source(users_database, port=port, ssl_mode="require"), AS_OF, policy=OPEN
            )
        assert any("impostor" in warning for warning in found.warnings)

    async def test_require_with_an_authority_checks_it(
        self, users_database: UsersDatabase, tls: tuple[ssl.SSLContext, str], tmp_path: Path
    ) -> None:
        _, other = certificate("localhost", tmp_path)
        async with behind_tls(users_database, tls[0]) as port:
            fields = {"port": port, "ssl_mode": "require"}
            await check_source(
                source(users_database, ca_certificate=tls[1], **fields), AS_OF, policy=OPEN
            )
            with pytest.raises(ConfigurationRejected, match="not trusted"):
                await check_source(
                    source(users_database, ca_certificate=other, **fields), AS_OF, policy=OPEN
                )

    @pytest.mark.walk
    async def test_cancelling_works_through_tls(
        self, users_database: UsersDatabase, tls: tuple[ssl.SSLContext, str], tmp_path: Path
    ) -> None:
        async with behind_tls(users_database, tls[0]) as port:
            trusted = _verified(users_database, port, tls[1])
            limits = ReadLimits(10, 10, timedelta(seconds=2))
            with pytest.raises(QueryRejected, match="longer"):
                await read_rows(
                    trusted,
                    "SELECT pg_sleep(60)::text AS s",
                    AS_OF,
                    tmp_path / "x",
                    policy=OPEN,
                    limits=limits,
                )
            await asyncio.to_thread(users_database.until, 0, 3)


def _verified(users_database: UsersDatabase, port: int, authority: str) -> PostgresSource:
    """Return the database under a name that its certificate has, signed by this authority."""
    return source(
        users_database,
        host="localhost",
        port=port,
        ssl_mode="verify-full",
        ca_certificate=authority,
    )


def _resident() -> int:
    """Return the memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")
