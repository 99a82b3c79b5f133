"""The syntax of a query, by the engine's parser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from threading import Lock
from typing import Any

import duckdb
import orjson

_CONFIG: dict[str, Any] = {"threads": "1", "errors_as_json": "true"}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text as the engine's parser reads it. ``tree`` is JSON, in the form of ``json_serialize_sql``."""

    fault: str | None  # why it is not SQL, in the engine's JSON
    is_select: bool  # exactly one
    parameters: frozenset[str]
    tree: str


_OPENING = Lock()


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """Open an engine that only parses, for the life of the process: to open one takes fifty times as long as to parse."""
    return duckdb.connect(":memory:", config=_CONFIG)


@lru_cache(maxsize=32)  # a run asks for its definition several times
def parse(sql: str) -> Parsed:
    """Parse a text."""
    fault, is_select, parameters = None, False, frozenset[str]()
    with _OPENING:
        opened = _engine().cursor()
    with opened as connection:
        try:
            statements = connection.extract_statements(sql)
        except duckdb.Error as error:
            fault = str(error)
        else:
            if len(statements) == 1:
                is_select = _is_select(statements[0])
                parameters = frozenset(statements[0].named_parameters)
        tree = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()[0][0]
    return Parsed(fault, is_select, parameters, tree)


def _is_select(statement: duckdb.Statement) -> bool:
    try:
        return bool(statement.type == duckdb.StatementType.SELECT)
    except ValueError:
        # The library has no name for this kind of statement, such as UPDATE EXTENSIONS.
        return False


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects of a parse tree, in the form of ``json_serialize_sql``, without recursion: a tree can be deep."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)


def tables_of(sql: str) -> set[str]:
    """List the tables that a definition reads, in lower case. CTEs are included."""
    return {
        str(node.get("table_name", "")).lower()
        for node in nodes(orjson.loads(parse(sql).tree))
        if node.get("type") == "BASE_TABLE"
    }


def needs_quotes(table: str) -> bool:
    """Return whether a table must be named in double quotes, because its name is a word of SQL, such as ``order``.

    ``table`` has letters, digits and underscores only.
    """
    return tables_of(f"SELECT * FROM {table}") != {table.lower()}  # noqa: S608  (parsed, not run)


def without_semicolon(sql: str) -> str:
    """Remove the final semicolon of a statement and the comments after it: the engine rejects it in subqueries."""
    text = sql.encode()  # positions of tokens are in bytes
    end = len(text)
    for place, kind in reversed(duckdb.tokenize(sql)):
        if text[place : place + 1] == b";":
            end = place
        elif kind != duckdb.token_type.comment:
            break
    return text[:end].decode()
