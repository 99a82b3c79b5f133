"""The syntax of a query, by the engine's parser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import orjson


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
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        tree = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()[0][0]
    return {
        str(node.get("table_name", "")).lower()
        for node in nodes(orjson.loads(tree))
        if node.get("type") == "BASE_TABLE"
    }


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
