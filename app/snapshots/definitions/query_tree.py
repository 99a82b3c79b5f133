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


def named_expressions(every: Iterable[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the expressions of a query that have a name, in lower case: by ``AS``, or by the column list of a subquery or CTE."""
    found = []
    for node in every:
        if node.get("alias") and "class" in node:
            found.append((str(node["alias"]).lower(), node))
        names = node.get("column_name_alias") or node.get("aliases") or ()
        inner = (node.get("subquery") or {}).get("node") or node.get("query_node") or {}
        for select in _united(inner) if names else ():
            listed = zip(names, select.get("select_list") or (), strict=False)
            found += [(str(name).lower(), expression) for name, expression in listed]
    return found


def _united(query: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the SELECTs of a UNION or similar, or the only one."""
    selects, left = [], [query]
    while left:
        one = left.pop()
        parts = [one.get("left"), one.get("right"), *(one.get("children") or ())]
        if one.get("type") == "SET_OPERATION_NODE":
            left += [part for part in parts if part]
        else:
            selects.append(one)
    return selects


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
    """Return a short text of an expression for messages: a column's name, a call or a cast of columns, or an ellipsis."""
    if expression.get("class") == "COLUMN_REF":
        return ".".join(expression["column_names"])[:_SHOWN]
    name, arguments = function_of(expression), arguments_of(expression)
    if name and not expression.get("is_operator") and name not in {"row", "struct_pack"}:
        return f"{name}({', '.join(map(shown, arguments))})"[:_SHOWN]
    if name in {"row", "struct_pack"}:
        return f"({', '.join(map(shown, arguments))})"[:_SHOWN]
    if kind := cast_type(expression):
        return f"CAST({shown(expression['child'])} AS {kind.upper()})"[:_SHOWN]
    return "…"


def cast_type(expression: dict[str, Any]) -> str:
    """Return the name of the type of a cast in lower case, or an empty text for other expressions."""
    if expression.get("class") != "CAST":
        return ""
    kind = expression.get("type_expr") or expression.get("cast_type") or {}
    return str(kind.get("type_name") or kind.get("id") or "").lower()
