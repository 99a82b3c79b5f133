"""The columns of its datasets that a definition may use, by their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from app.snapshots.definitions.syntax import nodes, parse

# What can use a column only by its name. Others can use all: *, COLUMNS(…), #1, PIVOT, DESCRIBE, a natural join.
_CLASSES = frozenset(
    ["BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",
     "OPERATOR", "PARAMETER", "SUBQUERY", "TYPE", "WINDOW"]
)  # fmt: skip
_JOINS = frozenset(["REGULAR", "CROSS"])
_OTHER_TABLES = frozenset(["PIVOT", "SHOW_REF"])


def columns_used(sql: str) -> frozenset[str] | None:
    """Return names in lower case, with those of all columns that the definition may use. None: it may use all.

    Texts and aliases are among the names, which does no harm. Example: ``SELECT id FROM orders WHERE amount > 3`` gives id,
    amount and others; ``SELECT * FROM orders`` and ``SELECT o FROM orders o`` give None.
    """
    tree = orjson.loads(parse(sql).tree)
    every = list(nodes(tree))
    if tree.get("error") or not all(map(_names_columns, every)):
        return None
    tables = {
        str(node[name]).lower() for node in _tables(every) for name in ("table_name", "alias")
    }
    if any(
        str(node["column_names"][-1]).lower() in tables for node in every if "column_names" in node
    ):
        return None  # a whole row
    return frozenset(text.lower() for node in every for text in _texts(node))


def _names_columns(node: dict[str, Any]) -> bool:
    return (
        node.get("class", "COLUMN_REF") in _CLASSES
        and node.get("ref_type", "REGULAR") in _JOINS
        and node.get("type") not in _OTHER_TABLES
        and not (node.get("type") == "BASE_TABLE" and node.get("column_name_alias"))
    )


def _tables(every: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (node for node in every if node.get("type") == "BASE_TABLE")


def _texts(node: dict[str, Any]) -> Iterator[str]:
    for value in node.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield text
