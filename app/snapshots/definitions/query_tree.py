"""Expressions of a parsed query: their functions, columns and texts, in the form of ``json_serialize_sql``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from app.snapshots.definitions.syntax import nodes

_NO_PART = frozenset(["query_location", "query_location_length", "alias"])
_SHOWN = 60


def function_of(node: dict[str, Any]) -> str:
    """Return the name of the called function in lower case, or an empty text."""
    return str(node.get("function_name") or "").lower()


def arguments_of(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the arguments of a call: ``[{"class": …, …}, …]``. An older form of the tree calls them children."""
    given = node.get("arguments")
    if given is None:
        return list(node.get("children") or ())
    return [one.get("expression", one) for one in given]


def canonical(expression: Any) -> str:
    """Return a text that is equal for equal expressions. A column is its name, with or without its table."""
    if isinstance(expression, dict) and expression.get("class") == "COLUMN_REF":
        return str(expression["column_names"][-1]).lower()
    if isinstance(expression, dict) and expression.get("class") == "STAR":
        return "*"
    return orjson.dumps(_plain(expression), option=orjson.OPT_SORT_KEYS).decode().lower()


def _plain(tree: Any) -> Any:
    """Return a tree without places and aliases. The depth of queries is limited before (``check_definition``)."""
    if isinstance(tree, dict):
        if tree.get("class") == "COLUMN_REF":
            return tree["column_names"][-1]
        return {key: _plain(value) for key, value in tree.items() if key not in _NO_PART}
    return [_plain(one) for one in tree] if isinstance(tree, list) else tree


def columns_in(tree: Any) -> set[str]:
    """Return the names of all columns in a tree, in lower case and without their tables."""
    return {
        str(node["column_names"][-1]).lower()
        for node in nodes(tree)
        if node.get("class") == "COLUMN_REF"
    }


def order_keys(select: dict[str, Any], orders: Iterable[dict[str, Any]]) -> set[str]:
    """Return the canonical texts of ORDER BY; a position and an alias stand for their column of the SELECT, too."""
    listed = select.get("select_list") or []
    keys: set[str] = set()
    for order in orders:
        expression = order["expression"]
        literal = expression.get("literal") or {}
        position = str(literal.get("text", ""))
        if position.isdigit() and 0 < int(position) <= len(listed):
            expression = listed[int(position) - 1]
            keys.add(str(expression.get("alias") or "").lower())
        keys.add(canonical(expression))
        keys |= {
            canonical(one)
            for one in listed
            if str(one.get("alias") or "").lower() == canonical(expression)
        }
        keys |= {
            str(one["alias"]).lower()
            for one in listed
            if one.get("alias") and canonical(one) == canonical(expression)
        }
    return keys - {""}


def shown(expression: dict[str, Any]) -> str:
    """Return a short text of an expression for messages: a column's name, a call with columns, or an ellipsis."""
    if expression.get("class") == "COLUMN_REF":
        return ".".join(expression["column_names"])[:_SHOWN]
    name, arguments = function_of(expression), arguments_of(expression)
    if name and not expression.get("is_operator") and name not in {"row", "struct_pack"}:
        return f"{name}({', '.join(map(shown, arguments))})"[:_SHOWN]
    if name in {"row", "struct_pack"}:
        return f"({', '.join(map(shown, arguments))})"[:_SHOWN]
    return "…"
