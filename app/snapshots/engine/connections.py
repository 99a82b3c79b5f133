"""Connections to DuckDB, with the limits and functions that all SQL of the service relies on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
from pydantic import ByteSize, TypeAdapter

from app.snapshots.engine.canonical_json import canonical_json
from app.snapshots.engine.identifier_functions import add_identifier_functions
from app.snapshots.engine.sql import Cursor, sql_text

_USUAL = 3 / 8  # of the memory


def usual_memory(memory: str) -> str:
    """Return the memory with which a call is tried first, given that of the settings: three eighths of it.

    Sorting, joins and tables spill to the disk beyond it, so that a process needs about as much memory for many rows as for
    few. Most calls are as fast as with all of the memory.
    """
    return f"{int(TypeAdapter(ByteSize).validate_python(memory) * _USUAL)}B"


def connect(memory: str, threads: int, scratch: Path, readable: Sequence[Path] = ()) -> Cursor:
    """Open a DuckDB instance; see ``Engine`` for the parameters."""
    return bounded(open_instance(), memory, threads, scratch, readable)


def open_instance() -> Cursor:
    """Open a DuckDB instance in memory, without limits of its own. It takes 50 ms or more, so children do it ahead."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "preserve_insertion_order": "false",
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
            "allow_community_extensions": "false",
            # It keeps nothing of local files, but an entry for each path that was ever read: 1 KB for each of many new files.
            "enable_external_file_cache": "false",
        },
    )
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.create_function("canonical_json", canonical_json, ["VARCHAR"], "VARCHAR")
    add_identifier_functions(connection)
    return connection


def bounded(
    connection: Cursor, memory: str, threads: int, scratch: Path, readable: Sequence[Path]
) -> Cursor:
    """Give an instance its limits and its folders, before its first query. Returns the connection."""
    spill = scratch / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    connection.execute(f"SET GLOBAL threads = {threads:d}")
    connection.execute(f"SET GLOBAL memory_limit = {sql_text(memory)}")
    connection.execute(f"SET GLOBAL temp_directory = {sql_text(str(spill))}")
    if readable:
        folders = [str(folder.resolve()) for folder in (scratch, *readable)]
        connection.execute("SET allowed_directories = $folders", {"folders": folders})
        connection.execute("SET enable_external_access = false")
    return connection
