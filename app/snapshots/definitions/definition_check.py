"""What a definition may be: one SELECT, whose answer depends on its datasets and ``$as_of`` alone.

Nothing is run here; the child process of ``user_sql`` is what keeps SQL in, this only tells people early and clearly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import duckdb
import orjson

from app.core.errors import Problem

FIELD = "definition.query"
_MAX_LENGTH = 64 * 1024
_MAX_NESTING = 100  # the engine's parser dies of many thousands

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
# Without brackets only these are the clock; anything else is a column, such as a log's own transaction_timestamp.
_CLOCK_WORDS = frozenset(
    ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"]
)
_CHANCE = frozenset(
    ["random", "setseed", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "nextval", "currval"]
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


def check_definition(sql: str, datasets: Collection[str] | None = None) -> list[Problem]:
    """What is wrong with a definition; an empty one (supplied membership) is well.

    ``datasets``: the names of the space's datasets, where it is known that the query may read no others.
    """
    if not sql.strip():
        return []
    if len(sql) > _MAX_LENGTH:
        return [_problem(f"The query is longer than {_MAX_LENGTH} characters.")]
    if "\0" in sql or _nesting(sql) > _MAX_NESTING:
        return [
            _problem(f"The query nests deeper than {_MAX_NESTING} levels, or has NUL characters.")
        ]
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        return _checked(connection, sql, datasets)


def _problem(message: str) -> Problem:
    return Problem(message, FIELD)


def _nesting(sql: str) -> int:
    """Depth of brackets and of CASE, at the most; text literals are not told apart, which does no harm."""
    depth = deepest = 0
    for character in sql:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    return deepest


def _checked(
    connection: duckdb.DuckDBPyConnection, sql: str, datasets: Collection[str] | None
) -> list[Problem]:
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        return [_problem(f"This is not SQL that can be read: {readable(error)}")]
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        return [_problem("A definition is exactly one SELECT (or WITH … SELECT).")]
    unknown = sorted(name for name in statements[0].named_parameters if name.lower() != "as_of")
    if unknown:
        return [_problem(f"The only parameter is $as_of, not ${unknown[0]}.")]
    tree = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()[0][0]
    try:
        parsed = orjson.loads(tree)
    except orjson.JSONDecodeError:
        # Hundreds of tables, each joined to the one before, are as many levels.
        return [_problem("The query nests too deep; join fewer tables in one FROM.")]
    if parsed.get("error"):
        return [_problem(f"This is not SQL that can be read: {parsed.get('error_message')}")]
    return [
        _problem(words)
        for words in dict.fromkeys((*_faults(parsed), *_unknown_tables(parsed, datasets)))
    ]


def _faults(tree: Any) -> Iterator[str]:
    for node in _nodes(tree):
        kind = node.get("type")
        function = str(node.get("function_name", "")).lower()
        if node.get("class") == "COLUMN_REF" and len(node["column_names"]) == 1:
            function = node["column_names"][0].lower()
            if function in _CLOCK_WORDS:
                yield _clock(function)
            continue
        if function in _CLOCK:
            yield _clock(function)
        elif function == "age" and len(node.get("arguments") or node.get("children") or ()) == 1:
            yield _clock("age(x)")
        elif function in _CHANCE:
            yield f"{function}() gives another answer each time; a run must give the same when it is repeated."
        elif function in _INSIDE:
            yield f"{function}() is not available to definitions."
        elif kind == "TABLE_FUNCTION":
            called = str(node.get("function", {}).get("function_name", "")).lower()
            if called not in _TABLES:
                yield f"{called}() is not available to definitions; they read the space's datasets by name."
        elif kind == "BASE_TABLE":
            yield from _table(node)
        elif kind == "SHOW_REF":
            yield "A definition is a SELECT; DESCRIBE and SHOW are none."
        if node.get("sample"):
            yield "A sample is another one each time; a run must give the same when it is repeated."


def _clock(function: str) -> str:
    return f"{function} depends on when the query runs; use $as_of, the moment of the run."


def _table(node: dict[str, Any]) -> Iterator[str]:
    table = str(node.get("table_name", ""))
    if "/" in table or "\\" in table or table.lower().endswith(_FILES):
        yield f"Files cannot be read ({table[:100]}); definitions read the space's datasets by name."
    elif node.get("schema_name") not in {"", None, "main"} or table.lower().startswith("duckdb_"):
        yield f"{table} is not available to definitions; they read the space's datasets by name."


def _unknown_tables(tree: Any, datasets: Collection[str] | None) -> Iterator[str]:
    if datasets is None:
        return
    known = {name.lower() for name in datasets}
    nodes = list(_nodes(tree))
    shown = ", ".join(sorted(datasets)[:20]) or "none yet"
    for node in nodes:
        known |= {str(entry["key"]).lower() for entry in (node.get("cte_map") or {}).get("map", ())}
    for node in nodes:
        table = str(node.get("table_name", ""))
        if node.get("type") == "BASE_TABLE" and table.lower() not in known:
            yield f"There is no dataset {table[:100]} in this space; there are: {shown}."


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """All objects of a parse tree, without recursion: a tree may be deep."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)


def tables_of(sql: str) -> set[str]:
    """The names of tables that a definition reads, in small letters; CTEs are among them."""
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        tree = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()[0][0]
    return {
        str(node.get("table_name", "")).lower()
        for node in _nodes(orjson.loads(tree))
        if node.get("type") == "BASE_TABLE"
    }


def without_semicolon(sql: str) -> str:
    """A statement without the semicolon at its end and what is behind it; the engine takes none in a part."""
    text = sql.encode()  # places of tokens count bytes
    end = len(text)
    for place, kind in reversed(duckdb.tokenize(sql)):
        if text[place : place + 1] == b";":
            end = place
        elif kind != duckdb.token_type.comment:
            break
    return text[:end].decode()


def readable(error: Exception) -> str:
    """An engine's error without its class, as one paragraph."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0].split(" Error: ", 1)[-1] if lines else type(error).__name__
    place = next((line for line in lines[1:] if line.startswith("LINE ")), None)
    return f"{text} ({place})" if place else text
