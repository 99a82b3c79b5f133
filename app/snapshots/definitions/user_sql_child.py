"""The process that runs one definition: without an environment, under limits, and without access to write files.

``user_sql_process`` starts this file as a script, so it imports nothing from the application. It reads one JSON line
from stdin and writes the rows as an Arrow stream to stdout. After a failure it writes one JSON line ``{"error": …}`` to
stderr and exits with 1.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from datetime import datetime
from threading import Thread
from typing import Any

import duckdb
import pyarrow as pa

_MAX_ERROR = 4000
_BATCH = 10_000  # rows in one batch of the stream
_RESERVED = 1024**3  # bytes of address space that libraries and threads reserve without using them
_CONFIG: dict[str, Any] = {
    "preserve_insertion_order": "true",
    "temp_directory": "",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
}
_NO_MEMORY = "The query needs more memory than a definition may use."


def main() -> int:
    """Run the job from stdin. Returns the exit code."""
    line = sys.stdin.readline()
    if not line:  # the parent has no job, or has ended
        return 0
    job = json.loads(line)
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        _limit(job)
        _run(job)
    except (MemoryError, duckdb.OutOfMemoryException):
        return _fail(_NO_MEMORY)
    except duckdb.Error as error:
        return _fail(_readable(error, job["datasets"]))
    except (pa.ArrowException, ValueError, OSError) as error:
        return _fail(_NO_MEMORY if "Out of Memory" in str(error) else str(error))
    return 0


def _end_with_parent() -> None:
    """Exit when the pipe closes, which happens however the parent ends: a query must not outlive its parent."""
    while os.read(0, 1024):
        pass
    os._exit(1)


def _fail(message: str) -> int:
    sys.stderr.write(json.dumps({"error": message[:_MAX_ERROR]}))
    return 1


def _limit(job: dict[str, Any]) -> None:
    """Set the limits that the kernel enforces, independent of the engine."""
    seconds = int(job["seconds"]) * 2 + 2  # of processor time, on up to two threads
    space = job["memory"] + _RESERVED
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run(job: dict[str, Any]) -> None:
    connection = _locked(job)
    relation = _rows(connection, job)
    if job["limit"] is not None:
        relation = relation.limit(job["limit"])
    reader = relation.to_arrow_reader(_BATCH)
    sink: Any = sys.stdout.buffer
    with pa.ipc.new_stream(sink, reader.schema) as stream:
        for batch in reader:
            stream.write_batch(batch)
    sys.stdout.buffer.flush()


def _locked(job: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Open an engine that can read only the dataset files, with a locked configuration.

    The order matters: the views need their files allowed before external access ends, and the lock comes last.
    """
    # One thread, unless order has no effect: it reads and aggregates rows in the order of the file, each time.
    limits = {"memory_limit": f"{job['memory'] * 3 // 4}B", "threads": str(job["threads"])}
    connection = duckdb.connect(":memory:", config=_CONFIG | limits)
    connection.execute("SET TimeZone = 'UTC'")
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
    return text


if __name__ == "__main__":
    sys.exit(main())
