"""Databases of users: TLS, several hosts, poolers, roles with few rights, other encodings."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import UTC, datetime
from urllib.parse import quote

import asyncpg
import pytest
from sqlalchemy import text

from app.core.database_url import mark_pooled, parse_database_url
from app.core.ids import first_id, new_id
from app.storage import notifications
from app.storage.connections import SESSION, connect
from app.storage.database_check import check_before_migration, check_database, check_migrated
from app.storage.engine import open_database
from app.storage.migrate import upgrade
from app.storage.notifications import NotHeard, announce, listening
from app.storage.session import read_as_of_one_moment
from tests.flow import eventually
from tests.surroundings.servers import PASSWORD, PgBouncer, Postgres, certificate_for, running

pytestmark = pytest.mark.surroundings

SERVICE = f"service:{quote(PASSWORD, safe='')}"


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    """The name of an empty database of the role ``service``."""
    return postgres.database(f"d_{uuid.uuid4().hex[:8]}")


async def asked(url: str, sql: str = "SELECT 1") -> object:
    connection = await connect(parse_database_url(url))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("query", "sql", "value"),
    [
        ("sslmode=require", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", True),
        ("sslmode=disable", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", False),
        ("sslmode=verify-full&sslrootcert={certificate}", "SELECT 1", 1),
        ("connect_timeout=5&application_name=x", "SHOW application_name", "x"),
        ("options=-clock_timeout%3D7s%20-csearch_path%3Dpublic,pg_catalog", "SHOW search_path", "public,pg_catalog"),
        ("target_session_attrs=read-write", "SHOW transaction_read_only", "off"),
        ("keepalives_idle=30&tcp_user_timeout=9000&gssencmode=disable", "SHOW timezone", "UTC"),
    ],
)  # fmt: skip
async def test_parameters_of_libpq_work(
    postgres: Postgres, database: str, query: str, sql: str, value: object
) -> None:
    url = f"postgresql://{SERVICE}@localhost:{postgres.port}/{database}?{query}"
    assert await asked(url.format(certificate=postgres.certificate), sql) == value


async def test_several_hosts_sockets_and_ipv6(postgres: Postgres, database: str) -> None:
    port = postgres.port
    for place in (
        f"{SERVICE}@127.0.0.1:1,127.0.0.1:{port}/{database}",
        f"{SERVICE}@[::1]:{port}/{database}",
        f"service@/{database}?host={quote(str(postgres.home))}&port={port}",
        f"service@{quote(str(postgres.home), safe='')}:{port}/{database}",
    ):
        assert await asked(f"postgresql://{place}") == 1


async def test_ids_sort_by_their_time_in_every_collation(
    postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier_version = ["run_0356Ap0jN5qVbkvv7ZalTK", "run_0z"]
    created = []
    for moment in sorted(random.sample(range(1_796_000_000_000, 3_000_000_000_000), 1000)):
        monkeypatch.setattr("app.core.ids.time.time_ns", lambda moment=moment: moment * 1_000_000)
        created.append(new_id("run"))
    monkeypatch.undo()
    assert created[500] == min(created[500:]) >= first_id("run", datetime.fromtimestamp(0, UTC))
    connection = await connect(
        parse_database_url(f"postgresql://{SERVICE}@localhost:{postgres.port}/{database}")
    )
    try:
        collations = await connection.fetch(
            "SELECT DISTINCT collname FROM pg_collation WHERE collencoding IN (-1, 6) AND collname <> 'default'"
        )
        assert len(collations) > 500
        for (collation,) in collations:
            found = await connection.fetch(
                f'SELECT id FROM unnest($1::text[]) id ORDER BY id COLLATE "{collation}"',
                [*reversed(created), *earlier_version],
            )
            assert [row[0] for row in found][2:] == created, collation
    finally:
        await connection.close()


@pytest.mark.parametrize("pooled", [False, True])
async def test_defaults_of_a_role_do_not_change_transactions(
    postgres: Postgres, pooler: PgBouncer, pooled: bool
) -> None:
    name = postgres.database(f"d_{uuid.uuid4().hex[:8]}")
    for setting in ("default_transaction_isolation = serializable", "statement_timeout = '70ms'"):
        postgres.sql(f"ALTER DATABASE {name} SET {setting}")
    port, option = (pooler.port, "?pgbouncer=true") if pooled else (postgres.port, "")
    url = f"postgresql://{SERVICE}@127.0.0.1:{port}/{name}{option}"
    await asyncio.to_thread(upgrade, url)
    database = open_database(url)
    pool = await database.hot_pool()
    try:
        async with database.sessions() as session:
            assert await session.scalar(text("SHOW transaction_isolation")) == "read committed"
            await session.execute(text("SELECT pg_sleep(0.2)"))
        async with database.sessions() as session:
            await read_as_of_one_moment(session)
            assert await session.scalar(text("SHOW transaction_isolation")) == "repeatable read"
        assert await pool.fetchval("SHOW transaction_isolation") == "read committed"
        await pool.fetchval("SELECT pg_sleep(0.2)")
    finally:
        await pool.close()
        await database.close()


async def test_an_unknown_certificate_is_refused(postgres: Postgres, database: str) -> None:
    (other := postgres.folder / "other").mkdir()
    url = f"postgresql://{SERVICE}@localhost:{postgres.port}/{database}?sslmode=verify-full&sslrootcert="
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        await asked(url + str(certificate_for(other)))
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        await asked(url + "system")


class TestPoolers:
    @pytest.mark.parametrize(
        ("mode", "settings"),
        [
            ("transaction", {}),
            ("transaction", {"ignore_startup_parameters": ",".join(SESSION)}),
            ("session", {}),
        ],
    )  # fmt: skip
    async def test_a_pooler_is_noticed(
        self, postgres: Postgres, database: str, mode: str, settings: dict[str, str]
    ) -> None:
        with running(PgBouncer(postgres, mode, **settings)) as server:
            url = f"postgresql://{SERVICE}@127.0.0.1:{server.port}/{database}"
            assert await check_database(url) == mark_pooled(url)
        url = f"postgresql://{SERVICE}@127.0.0.1:{postgres.port}/{database}"
        assert await check_database(url) == url

    async def test_a_listener_notices_that_nothing_arrives(
        self, postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notifications, "PROBE_SECONDS", 0.5)
        settings = {"ignore_startup_parameters": ",".join(SESSION), "default_pool_size": "3"}
        with running(PgBouncer(postgres, **settings)) as server:
            place = f"postgresql://{SERVICE}@127.0.0.1"
            marked = open_database(f"{place}:{server.port}/{database}?pgbouncer=true")
            pool = await marked.hot_pool()
            unmarked = parse_database_url(f"{place}:{server.port}/{database}")
            with pytest.raises(NotHeard, match="pooler"):
                async with listening(unmarked, pool, lambda _: None):
                    pass
            heard: list[object] = []
            direct = parse_database_url(f"{place}:{postgres.port}/{database}")
            async with listening(direct, pool, heard.append):
                assert await announce(pool, "plan", ("spa", "syn")), "through the pooler"
                await eventually(lambda: bool(heard))
            assert heard == [["plan", "spa", "syn"]]
            await pool.close()
            await marked.close()

    def test_migrations_transactions_and_hot_reads_share_server_connections(
        self, pooler: PgBouncer, database: str
    ) -> None:
        url = f"postgresql://{SERVICE}@127.0.0.1:{pooler.port}/{database}?pgbouncer=true"
        asyncio.run(check_before_migration(url))
        upgrade(url)
        asyncio.run(check_migrated(url))
        assert len(asyncio.run(_many(url))) <= 3

    async def test_statement_pooling_is_refused_with_the_reason(
        self, postgres: Postgres, database: str
    ) -> None:
        with running(PgBouncer(postgres, "statement")) as server:
            url = f"postgresql://{SERVICE}@127.0.0.1:{server.port}/{database}"
            with pytest.raises(asyncpg.PostgresError, match="transaction blocks not allowed"):
                await check_database(url)


async def _many(url: str) -> set[int]:
    """Read 200 times at once, by both ways; returns the ids of the server processes."""
    database = open_database(url)
    hot = await database.hot_pool()

    async def read(number: int) -> int:
        async with database.sessions() as session:
            found = await session.execute(
                text("SELECT CAST(:n AS int), pg_backend_pid(), current_setting('lock_timeout')"),
                {"n": number},
            )
            value, pid, limit = found.one()
            await session.commit()
        assert (value, limit) == (number, "5s")
        # Texts that differ, so that another connection's unnamed statement would give another result; and that come again,
        # so that a named statement would be looked for on a server that does not have it
        part = number % 20
        assert await hot.fetchval(f"SELECT $1::int + {part}", number) == number + part
        return int(pid)

    try:
        return set(await asyncio.gather(*(read(number) for number in range(200))))
    finally:
        await hot.close()
        await database.close()
