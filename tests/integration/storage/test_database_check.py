"""What the start says about a database that cannot be used."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from app.storage import database_check
from app.storage.connections import SESSION
from app.storage.database_check import (
    DatabaseUnfit,
    check_before_migration,
    check_database,
    check_migrated,
    files_of_database,
)
from app.storage.revisions import head
from tests.flow import Flow
from tests.servers import Administrator, TestServers

GRANT = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader"


@pytest.fixture
def database(servers: TestServers) -> Iterator[Callable[..., str]]:
    """A function that creates a database and returns its URL."""
    made = []

    def create(options: str = "", template: str | None = None) -> str:
        name = f"checked_{uuid.uuid4().hex[:8]}"
        made.append(name)
        url = servers.create_database(name, template)
        if options:
            servers.drop_database(name)
            servers.administrator.run(f"CREATE DATABASE {name} OWNER activations {options}")
        return url

    yield create
    for name in made:
        servers.drop_database(name)


@pytest.fixture
def inside(servers: TestServers, database_url: str) -> Iterator[Administrator]:
    """A superuser's connection to the migrated database."""
    opened = Administrator(servers.socket_folder, database_url.partition("@/")[2].partition("?")[0])
    yield opened
    opened.close()


@pytest.fixture
def reader(servers: TestServers, database_url: str) -> Iterator[str]:
    """The URL of a role without rights, on the migrated database."""
    servers.administrator.run("CREATE ROLE reader LOGIN")
    yield database_url.replace("//activations@", "//reader@")
    servers.administrator.run("DROP ROLE reader")


async def fault(work: object) -> str:
    with pytest.raises(DatabaseUnfit) as refused:
        await work  # type: ignore[misc]  # a coroutine
    return str(refused.value)


async def test_a_migrated_database_is_fit(database_url: str) -> None:
    assert await check_database(database_url) == database_url
    assert not await check_before_migration(database_url)
    await check_migrated(database_url)


async def test_an_empty_database_lacks_migrations(database: Callable[..., str]) -> None:
    assert await check_before_migration(database())


async def test_a_server_that_is_too_old_for_the_settings_is_named_by_its_version(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SESSION, "a_setting_of_a_newer_version", "on")
    monkeypatch.setattr(database_check, "OLDEST_VERSION", 99)
    assert "the oldest supported version is 99" in await fault(check_database(database_url))


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_another_encoding_is_refused(database: Callable[..., str], encoding: str) -> None:
    url = database(f"ENCODING '{encoding}' TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'")
    assert f"its encoding is {encoding}, and UTF8 is required" in await fault(check_database(url))


async def test_a_setting_that_makes_it_read_only_is_named(database_url: str) -> None:
    url = f"{database_url}&options=-cdefault_transaction_read_only%3Don"
    said = await fault(check_database(url))
    assert "read-only" in said
    assert "Remove it from the options of DATABASE_URL" in said


async def test_a_missing_right_to_migrate_is_named_with_its_grant(
    database: Callable[..., str], servers: TestServers
) -> None:
    url = database()
    name = url.partition("@/")[2].partition("?")[0]
    servers.administrator.run(f"ALTER DATABASE {name} OWNER TO postgres")
    assert await check_database(url) == url
    assert "GRANT USAGE, CREATE ON SCHEMA public TO activations;" in await fault(
        check_before_migration(url)
    )


async def test_tables_of_another_role_cannot_be_migrated(
    inside: Administrator, reader: str
) -> None:
    inside.run("GRANT ALL ON SCHEMA public TO reader; GRANT SELECT ON alembic_version TO reader")
    inside.run("DELETE FROM alembic_version")
    try:
        said = await fault(check_before_migration(reader))
        assert "the role reader does not own" in said
        assert "GRANT activations TO reader;" in said
    finally:
        inside.run(f"INSERT INTO alembic_version VALUES ('{head()}')")
        inside.run(
            "REVOKE ALL ON SCHEMA public FROM reader; REVOKE SELECT ON alembic_version FROM reader"
        )


async def test_a_role_without_rights_is_told_the_grant(inside: Administrator, reader: str) -> None:
    said = await fault(check_migrated(reader))
    assert "may not read and write alembic_version" in said
    assert GRANT in said
    inside.run("GRANT SELECT ON alembic_version TO reader")
    try:
        said = await fault(check_migrated(reader))
        assert "more tables" in said
        assert GRANT in said
    finally:
        inside.run("REVOKE SELECT ON alembic_version FROM reader")


async def test_missing_and_unknown_migrations_are_named(
    database: Callable[..., str], inside: Administrator, database_url: str
) -> None:
    assert "was never migrated" in await fault(check_migrated(database()))
    inside.run("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    try:
        assert "ffffffffffff, which this version does not know" in await fault(
            check_before_migration(database_url)
        )
    finally:
        inside.run(f"UPDATE alembic_version SET version_num = '{head()}'")


async def test_a_file_that_cannot_be_read_is_named(database_url: str) -> None:
    said = await fault(check_database(f"{database_url}&sslrootcert=/no/such.crt"))
    assert "sslrootcert" in said
    assert "/no/such.crt" in said


@pytest.mark.walk
@pytest.mark.installation(stepped=True)
async def test_files_that_the_database_names_are_in_its_store(flow: Flow) -> None:
    database_url = flow.platform.settings.database_url
    assert database_url is not None
    url = database_url.get_secret_value()
    assert await files_of_database(url) == []
    activation = await flow.activate(resync=True)
    await flow.members(range(3))
    await flow.quiet(activation)
    found = await files_of_database(url)
    assert {key.split("/")[2] for key in found} == {"audiences", "activations"}
    assert all([await flow.platform.objects.exists(key) for key in found])
