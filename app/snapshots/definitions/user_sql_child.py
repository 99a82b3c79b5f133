"""What a child does that runs one definition: without an environment, under limits, and without access to write files."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from app.snapshots.definitions.result_shape import cut_batch, refuse_shape
from app.snapshots.definitions.user_sql_process import DefinitionFailed

_MAX_ERROR = 4000
_BATCH = 10_000  # rows in one batch of the stream
_CONFIG: dict[str, Any] = {
    "preserve_insertion_order": "true",
    "temp_directory": "",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
}
_READY: list[
    duckdb.DuckDBPyConnection
] = []  # the engine that was opened before the definition came
# What the engine says of a value that does not fit the type that it is converted to.
_UNFIT = re.compile(
    r"Could not (convert|parse|cast) |Date out of range|(date|time|timestamp) field value out of range|invalid (date|time)"
    r"|Type \S+ with value .* can't be cast"
)
_NO_MEMORY = "The query needs more memory than a definition may use."


def run_job(stream: BinaryIO, job: dict[str, Any]) -> None:
    """Run a definition and write its rows to ``stream``. Raises DefinitionFailed, with the reason."""
    try:
        _run(stream, job)
    except (MemoryError, duckdb.OutOfMemoryException):
        raise DefinitionFailed(_NO_MEMORY) from None
    except duckdb.Error as error:
        raise DefinitionFailed(_readable(error, job["datasets"])[:_MAX_ERROR]) from None
    except (pa.ArrowException, ValueError, OSError) as error:
        reason = _NO_MEMORY if "Out of Memory" in str(error) else str(error)
        raise DefinitionFailed(reason[:_MAX_ERROR]) from None


def _run(stream: BinaryIO, job: dict[str, Any]) -> None:
    connection = _locked(job)
    relation = _rows(connection, job)
    if job["limit"] is not None:
        relation = relation.limit(job["limit"])
    reader = relation.to_arrow_reader(_BATCH)
    refuse_shape(reader.schema)
    with pa.ipc.new_stream(stream, reader.schema) as sent:
        for batch in reader:
            for part in cut_batch(batch):
                sent.write_batch(part)


def before_job() -> None:
    """Open an engine, in a child that waits for its definition."""
    _READY.append(_open())


def _open() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config=_CONFIG)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _locked(job: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Return an engine that can read only the dataset files, with a locked configuration.

    The order matters: the views need their files allowed before external access ends, and the lock comes last.
    """
    connection = _READY.pop() if _READY else _open()
    # One thread, unless order has no effect: it reads and aggregates rows in the order of the file, each time.
    connection.execute(f"SET threads = {job['threads']:d}")
    connection.execute(f"SET memory_limit = '{job['memory'] * 3 // 4:d}B'")
    paths = list(job["datasets"].values())
    if paths:
        connection.execute("SET allowed_paths = $paths", {"paths": paths}).fetchall()
    for name, path in job["datasets"].items():
        quoted, literal = name.replace('"', '""'), path.replace("'", "''")
        connection.execute(
            f"CREATE VIEW \"{quoted}\" AS SELECT * FROM read_parquet('{literal}')"  # noqa: S608  (both quoted)
        )
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _rows(connection: duckdb.DuckDBPyConnection, job: dict[str, Any]) -> duckdb.DuckDBPyRelation:
    """Return the rows of the query, with types that Parquet files support."""
    statements = connection.extract_statements(job["sql"])
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ValueError("A definition is exactly one SELECT.")
    names = statements[0].named_parameters
    values = {
        name: datetime.fromisoformat(job["as_of"]) for name in names if name.lower() == "as_of"
    }
    if unknown := names - values.keys():
        raise ValueError(f"The only parameter is $as_of, not ${min(unknown)}.")
    relation = connection.sql(job["sql"], params=values) if values else connection.sql(job["sql"])
    if relation is None:
        raise ValueError("A definition is exactly one SELECT.")
    _refuse_repeated(relation.columns)
    shown = [
        _column(name, kind) for name, kind in zip(relation.columns, relation.types, strict=True)
    ]
    return relation.project(", ".join(shown))


def _refuse_repeated(columns: list[str]) -> None:
    seen: set[str] = set()
    for column in columns:
        if column.lower() in seen:
            raise ValueError(f"The result has a duplicate column: {column}.")
        seen.add(column.lower())


def _column(name: str, kind: Any) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    if kind.id in {"hugeint", "uhugeint"}:  # the type of sums of integers
        return f"CAST({quoted} AS BIGINT) AS {quoted}"
    if kind.id in {"interval", "time", "time with time zone", "uuid", "enum", "bit"}:
        return f"CAST({quoted} AS VARCHAR) AS {quoted}"
    if kind.id == "timestamp with time zone":
        return f"({quoted} AT TIME ZONE 'UTC') AS {quoted}"
    return quoted


def _readable(error: Exception, datasets: dict[str, str]) -> str:
    """Return an error without its class, with datasets instead of file names."""
    lines = [line.rstrip() for line in str(error).splitlines()]
    text = "\n".join(lines).strip()
    text = text.split(" Error: ", 1)[-1]
    for name, path in datasets.items():
        text = text.replace(path, f"dataset {name}")
    return f"{text}{_way_out(text)}"


def _way_out(text: str) -> str:
    """Return how to leave out a value that cannot be converted, if that is the error; else nothing."""
    if not _UNFIT.match(text):
        return ""
    return "\nTo leave out such values, write TRY_CAST in place of CAST, and try_strptime in place of strptime."
