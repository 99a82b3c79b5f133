"""What a child does that resolves one definition: it looks up names and types over empty tables, and runs nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, BinaryIO

import duckdb
import orjson

DESCRIBE = "DESCRIBE "
_CONFIG: dict[str, Any] = {
    "threads": "1",
    "memory_limit": "64MB",
    "temp_directory": "",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "errors_as_json": "true",
}
_LONGEST_ERROR = 8000


def bind_job(stream: BinaryIO, job: dict[str, Any]) -> None:
    """Write ``{"columns": [[name, type], …]}`` or ``{"fault": …}`` to ``stream``; ``{}`` if a table has an unknown type."""
    stream.write(orjson.dumps(_bound(job)))


def _bound(job: dict[str, Any]) -> dict[str, Any]:
    connection = duckdb.connect(":memory:", config=_CONFIG)
    try:
        _create_tables(connection, job["tables"])
    except duckdb.Error:
        return {}
    try:
        found = connection.execute(DESCRIBE + job["sql"], _parameters(connection, job["sql"]))
        return {"columns": [row[:2] for row in found.fetchall()]}
    except (duckdb.Error, ValueError) as error:
        return {"fault": str(error)[:_LONGEST_ERROR]}


def _create_tables(
    connection: duckdb.DuckDBPyConnection, tables: dict[str, list[tuple[str, str]]]
) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    for name, columns in tables.items():
        listed = ", ".join(f"{_quoted(column)} {kind}" for column, kind in columns)
        connection.execute(f"CREATE TABLE {_quoted(name)} ({listed})")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _parameters(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, datetime]:
    names = connection.extract_statements(sql)[0].named_parameters
    return {name: datetime(2026, 1, 1) for name in names}  # noqa: DTZ001  the engine has no zones


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
