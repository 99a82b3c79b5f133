"""Whether the database of DATABASE_URL can be used: version, encoding, rights, migrations, and a pooler in between."""

from __future__ import annotations

import asyncpg

from app.core.database_url import DatabaseAddress, mark_pooled, parse_database_url
from app.storage.connections import Connection, connect
from app.storage.models import Base
from app.storage.revisions import head, is_known

OLDEST_VERSION = 15
# A setting of each of our sessions, and how PostgreSQL shows it
_KEPT, _KEPT_VALUE = "idle_in_transaction_session_timeout", "30s"
_RIGHTS = "SELECT, INSERT, UPDATE, DELETE"

_STATE = """
    SELECT current_setting('server_version_num')::int / 10000 AS version,
        current_setting('server_encoding') AS encoding,
        current_setting('transaction_read_only') = 'on' AS read_only,
        pg_is_in_recovery() AS standby,
        (SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only') AS read_only_source,
        current_setting('search_path') AS search_path,
        current_schema() AS schema, quote_ident(current_schema()) AS quoted_schema,
        quote_ident(current_user) AS role, quote_ident(current_database()) AS database,
        current_schema() IS NOT NULL AND has_schema_privilege(current_schema(), 'CREATE') AS creates,
        to_regclass('alembic_version') IS NOT NULL AS migrated
"""
_TABLES = """
    SELECT quote_ident(relname) AS name, quote_ident(pg_get_userbyid(relowner)) AS owner,
        pg_has_role(relowner, 'MEMBER') AS owned,
        has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
            AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE') AS usable
    FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND relname = ANY($1)
    ORDER BY relname
"""
#: Keys of files of the newest and the oldest snapshots, and of some holdings
_FILES = """
    SELECT DISTINCT file ->> 'key' FROM (
        (SELECT manifest FROM snapshot ORDER BY created_at DESC LIMIT 10)
        UNION ALL
        (SELECT manifest FROM snapshot ORDER BY created_at LIMIT 10)
        UNION ALL
        (SELECT holdings FROM activation WHERE holdings IS NOT NULL ORDER BY updated_at DESC LIMIT 10)
    ) AS named (manifest), jsonb_array_elements((manifest -> 'base') || (manifest -> 'deltas')) AS file
    LIMIT 50
"""


class DatabaseUnfit(Exception):
    """The database answers, but cannot be used. The message is a sentence that says what to do."""


async def check_database(url: str) -> str:
    """Connect, and check version, encoding and writability. Returns the URL, marked if a pooler is in between.

    Raises DatabaseUnfit, ValueError if the URL is malformed, and what the driver raises if it cannot connect.
    """
    address = parse_database_url(url)
    if fault := address.unreadable_file():
        raise DatabaseUnfit(fault)
    if not address.pooled and await _is_pooled(address):
        url = mark_pooled(url)
        address = parse_database_url(url)
    connection = await _connect_to_any(address)
    try:
        if fault := _fault(await _state(connection), address):
            raise DatabaseUnfit(f"The database of DATABASE_URL cannot be used: {fault}")
    finally:
        await connection.close()
    return url


async def check_before_migration(url: str) -> bool:
    """Return whether migrations are missing. Raises DatabaseUnfit if the rights for them are, with the GRANT that is needed."""
    connection = await connect(parse_database_url(url))
    try:
        state = await _state(connection)
        if await _revision(connection, state) == head():
            return False
        if fault := _missing_right(state, await connection.fetch(_TABLES, _table_names())):
            raise DatabaseUnfit(f"The database of DATABASE_URL cannot be migrated: {fault}")
        return True
    finally:
        await connection.close()


async def check_migrated(url: str) -> None:
    """Check that all migrations were applied, and that the role may read and write all tables. Raises DatabaseUnfit."""
    connection = await connect(parse_database_url(url))
    try:
        state = await _state(connection)
        revision = await _revision(connection, state)
        if revision != head():
            found = f"has the migration {revision}" if revision else "was never migrated"
            raise DatabaseUnfit(
                f"The database of DATABASE_URL {found}, and this version needs {head()}. Run `activations migrate`."
            )
        tables = await connection.fetch(_TABLES, _table_names())
        if closed := [row["name"] for row in tables if not row["usable"]]:
            raise DatabaseUnfit(
                f"The role {state['role']} of DATABASE_URL may not read and write {_few(closed)}. Run as the owner of "
                f"the tables: GRANT {_RIGHTS} ON ALL TABLES IN SCHEMA {state['quoted_schema']} TO {state['role']};"
            )
    finally:
        await connection.close()


async def files_of_database(url: str) -> list[str]:
    """Return keys of files that a migrated database names, at most 50; none if it names none."""
    connection = await connect(parse_database_url(url))
    try:
        return [row[0] for row in await connection.fetch(_FILES)]
    finally:
        await connection.close()


async def _connect_to_any(address: DatabaseAddress) -> Connection:
    """Connect, also to a version of PostgreSQL that is too old to know all settings of a session."""
    try:
        return await connect(address)
    except asyncpg.UndefinedObjectError:
        return await connect(address, session={})


async def _state(connection: Connection) -> asyncpg.Record:
    row = await connection.fetchrow(_STATE)
    assert row is not None  # noqa: S101  a query without FROM has one row
    return row


async def _is_pooled(address: DatabaseAddress) -> bool:
    """Return whether a pooler answers that does not keep a session for each connection.

    PgBouncer refuses our server settings at the start of a connection, or drops them (``ignore_startup_parameters``).
    Any pooler by transaction shows the same server process to two open connections.
    """
    try:
        first = await _connect_to_any(address)
    except asyncpg.ProtocolViolationError as error:
        if "unsupported startup parameter" in str(error):
            return True
        raise
    try:
        if _KEPT not in address.session and await first.fetchval(f"SHOW {_KEPT}") != _KEPT_VALUE:
            return True
        second = await _connect_to_any(address)
        try:
            pids = [await each.fetchval("SELECT pg_backend_pid()") for each in (first, second)]
        finally:
            await second.close()
    finally:
        await first.close()
    return bool(pids[0] == pids[1])


def _fault(state: asyncpg.Record, address: DatabaseAddress) -> str | None:
    if state["version"] < OLDEST_VERSION:
        return f"it is PostgreSQL {state['version']}, and the oldest supported version is {OLDEST_VERSION}."
    if state["encoding"] != "UTF8":
        return (
            f"its encoding is {state['encoding']}, and UTF8 is required. Create it again: CREATE DATABASE "
            f"{state['database']} ENCODING 'UTF8' TEMPLATE template0;"
        )
    if state["standby"]:
        more = " Add target_session_attrs=read-write." if len(address.hosts) > 1 else ""
        return f"it is a standby, which is read-only. Give the address of the primary.{more}"
    if state["read_only"]:
        return _read_only(state)
    if state["schema"] is None:
        return (
            f"no schema of the search path ({state['search_path']}) exists, or the role {state['role']} may not use it. "
            f"Run as its owner: GRANT USAGE, CREATE ON SCHEMA public TO {state['role']};"
        )
    return None


def _read_only(state: asyncpg.Record) -> str:
    """Say where the setting is that makes transactions read-only."""
    role, database = state["role"], state["database"]
    remedy = {
        "user": f"ALTER ROLE {role} RESET default_transaction_read_only;",
        "database": f"ALTER DATABASE {database} RESET default_transaction_read_only;",
        "database user": f"ALTER ROLE {role} IN DATABASE {database} RESET default_transaction_read_only;",
        "client": "Remove it from the options of DATABASE_URL.",
    }.get(state["read_only_source"], "Change it in the configuration of the server.")
    return f"it is read-only, because the setting default_transaction_read_only is on. {remedy}"


def _missing_right(state: asyncpg.Record, tables: list[asyncpg.Record]) -> str | None:
    role, schema = state["role"], state["quoted_schema"]
    if not state["creates"]:
        return (
            f"the role {role} may not create tables in the schema {schema}. Run as a superuser, or as the owner of the "
            f"schema: GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};"
        )
    if foreign := [row for row in tables if not row["owned"]]:
        return (
            f"the role {role} does not own {_few([row['name'] for row in foreign])}. Migrate as their owner, or run as a "
            f"superuser: GRANT {foreign[0]['owner']} TO {role};"
        )
    return None


async def _revision(connection: Connection, state: asyncpg.Record) -> str | None:
    """Return the migration of the database, or None. Raises DatabaseUnfit if it cannot be read, or is not known here."""
    if not state["migrated"]:
        return None
    try:
        found = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseUnfit(
            f"The role {state['role']} of DATABASE_URL may not read and write alembic_version. Run as the owner of the "
            f"tables: GRANT {_RIGHTS} ON ALL TABLES IN SCHEMA {state['quoted_schema']} TO {state['role']};"
        ) from error
    if found is not None and not is_known(found):
        raise DatabaseUnfit(
            f"The database of DATABASE_URL has the migration {found}, which this version does not know: another version "
            "of the service migrated it. Start that version, or a newer one."
        )
    return str(found) if found else None


def _table_names() -> list[str]:
    return [*Base.metadata.tables, "alembic_version"]


def _few(names: list[str]) -> str:
    """Return the first three names, and how many more there are."""
    more = f" and {len(names) - 3} more tables" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
