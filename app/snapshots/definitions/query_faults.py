"""Faults of a parsed query: functions and tables that definitions must not use."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from app.core.suggestions import did_you_mean, listed
from app.snapshots.definitions.clock_texts import clock_texts
from app.snapshots.definitions.engine_faults import place_of
from app.snapshots.definitions.syntax import nodes

_CLOCK = frozenset(
    [
        "now",
        "today",
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "current_localtime",
        "current_localtimestamp",
        "get_current_time",
        "get_current_timestamp",
        "transaction_timestamp",
        "statement_timestamp",
        "clock_timestamp",
    ]
)

# Without brackets only these are the clock. Other names are columns, such as transaction_timestamp of a log.
_CLOCK_WORDS = frozenset(
    ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"]
)

_CHANCE = frozenset(
    [
        "random",
        "setseed",
        "uuid",
        "uuidv4",
        "uuidv7",
        "gen_random_uuid",
        "nextval",
        "currval",
        "reservoir_quantile",
    ]
)

_TABLES = frozenset(
    ["range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"]
)

_INSIDE = frozenset(
    [
        "getenv",
        "current_setting",
        "current_query",
        "current_query_id",
        "current_connection_id",
        "current_transaction_id",
        "txid_current",
        "json_serialize_plan",
        "json_execute_serialized_sql",
        "write_log",
    ]
)

_FILES = (".parquet", ".csv", ".json", ".ndjson", ".db", ".duckdb", ".gz", ".zst")


def forbidden(tree: Any) -> Iterator[str]:
    """Yield a message for each function and table of a parsed query that definitions must not use."""
    for node in nodes(tree):
        if node.get("class") == "COLUMN_REF" and len(node["column_names"]) == 1:
            column = node["column_names"][0].lower()
            if column in _CLOCK_WORDS:
                yield _clock(column)
            continue
        yield from _function(node) or _relation(node)
        yield from clock_texts(node)
        if node.get("sample"):
            yield "A sample differs each time; a run must give the same result when it is repeated."


def _function(node: dict[str, Any]) -> list[str]:
    function = str(node.get("function_name", "")).lower()
    if function in _CLOCK:
        return [_clock(function)]
    if function == "age" and len(node.get("arguments") or node.get("children") or ()) == 1:
        return [_clock("age(x)")]
    if function in _CHANCE:
        return [
            f"{function}() differs each time; a run must give the same result when it is repeated."
        ]
    if function in _INSIDE:
        return [f"{function}() is not available to definitions."]
    return []


def _relation(node: dict[str, Any]) -> Iterator[str]:
    match node.get("type"):
        case "TABLE_FUNCTION":
            called = str(node.get("function", {}).get("function_name", "")).lower()
            if called not in _TABLES:
                yield f"{called}() is not available to definitions; they read the space's datasets by name."
        case "BASE_TABLE":
            yield from _table(node)
        case "SHOW_REF":
            yield "A definition is a SELECT, not a DESCRIBE or SHOW."
        case _:
            pass


def _clock(function: str) -> str:
    return f"The query depends on when it runs, by {function}; use $as_of, the moment of the run."


def is_engine_table(name: str) -> bool:
    """Return whether a table is one of the engine's own, such as ``duckdb_settings``, or is called as one."""
    return name.lower().startswith("duckdb_")


def _table(node: dict[str, Any]) -> Iterator[str]:
    table = str(node.get("table_name", ""))
    if "/" in table or "\\" in table or table.lower().endswith(_FILES):
        yield f"Files cannot be read ({table[:100]}); definitions read the space's datasets by name."
    elif node.get("schema_name") not in {"", None, "main"} or is_engine_table(table):
        yield f"The table {table} is not available to definitions; they read the space's datasets by name, without a schema."


def unknown_tables(tree: Any, sql: str, datasets: Collection[str] | None) -> Iterator[str]:
    """Yield a message for each table of a parsed query that is not a dataset. ``datasets`` None: do not check."""
    if datasets is None:
        return
    known = {name.lower() for name in datasets}
    every = list(nodes(tree))
    shown = (
        f"The datasets are {listed(sorted(datasets))}." if datasets else "It has no dataset yet."
    )
    for node in every:
        known |= {str(entry["key"]).lower() for entry in (node.get("cte_map") or {}).get("map", ())}
    for node in every:
        table = str(node.get("table_name", ""))
        if node.get("type") == "BASE_TABLE" and table.lower() not in known:
            place = place_of(sql, int(node.get("query_location") or 0))
            meant = did_you_mean(table, datasets)
            yield f"{place}: there is no dataset {table[:100]} in this space.{meant} {shown}"
