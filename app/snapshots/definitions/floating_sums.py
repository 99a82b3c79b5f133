"""Sums and averages of floating-point numbers that decide who is a member: their last digits depend on the order of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from app.snapshots.definitions.query_tree import (
    arguments_of,
    canonical,
    cast_type,
    columns_in,
    function_of,
    named_expressions,
    shown,
)
from app.snapshots.definitions.syntax import nodes

Node = dict[str, Any]

#: These are exact for integers and decimals.
_PLAIN = frozenset(["sum", "avg", "mean"])
#: These add floating-point numbers also if their arguments are integers or decimals.
_ALWAYS = {"fsum": "sum", "kahan_sum": "sum", "sumkahan": "sum", "favg": "avg"}
_MOMENTS = frozenset(
    [
        "product",
        "stddev",
        "stddev_samp",
        "stddev_pop",
        "variance",
        "var_samp",
        "var_pop",
        "corr",
        "covar_pop",
        "covar_samp",
        "regr_slope",
        "regr_intercept",
        "regr_r2",
        "regr_sxx",
        "regr_sxy",
        "regr_syy",
        "geomean",
        "geometric_mean",
        "skewness",
        "kurtosis",
        "kurtosis_pop",
        "sem",
    ]
)
SUMS = _PLAIN | _ALWAYS.keys() | _MOMENTS
_FLOATS = frozenset(["double", "float", "real", "float4", "float8"])
#: Functions with a floating-point result for integers and decimals, too.
_ROOTS = frozenset(
    [
        "/",
        "^",
        "**",
        "divide",
        "sqrt",
        "cbrt",
        "ln",
        "log",
        "log10",
        "log2",
        "exp",
        "pow",
        "power",
        "epoch",
        "julian",
        "list_avg",
    ]
)
_DECIDES = ("where_clause", "having", "qualify", "condition", "group_expressions")


def is_floating(node: Node) -> bool:
    """Report whether a node of a query is a cast to a floating-point type, or such a number (``1e3``)."""
    if node.get("class") == "CAST" and node["child"].get("class") != "CONSTANT":
        return cast_type(node) in _FLOATS
    literal = node.get("literal") or {}
    return literal.get("kind") == "NUMERIC" and "e" in str(literal.get("text")).lower()


def sum_notes(every: list[Node], floats: Collection[str]) -> Iterator[str]:
    """Yield a note for each sum of floating-point numbers that filters, sorts, groups or limits.

    ``every`` are all nodes of a query, ``floats`` the floating-point columns of its datasets, in lower case.
    """
    sums = [
        node
        for node in every
        if node.get("class") in {"FUNCTION", "WINDOW"} and function_of(node) in SUMS
    ]
    if not sums:
        return
    inexact = _floating_names(every, floats)
    deciding = _deciding(every)
    for node in sums:
        if id(node) in deciding and _is_inexact(node, inexact) and not _is_sorted(node):
            yield _note(node)


def _deciding(every: list[Node]) -> set[int]:
    """Return the identities of the nodes that filter, sort, group or limit, themselves or by the alias of their column."""
    parts = [node.get(part) for node in every for part in _DECIDES]
    parts += [node.get("orders") for node in every if node.get("class") == "WINDOW"]
    parts += [node for node in every if node.get("type") == "ORDER_MODIFIER" and node.get("orders")]
    names = columns_in(parts)
    left = named_expressions(every)
    while found := [one for one in left if one[0] in names]:
        left = [one for one in left if one[0] not in names]
        parts += [expression for _, expression in found]
        names |= columns_in([expression for _, expression in found])
    return {id(node) for node in nodes(parts)}


def _floating_names(every: list[Node], floats: Collection[str]) -> set[str]:
    """Return the floating-point columns of the datasets, and the aliases of expressions with floating-point numbers."""
    names = set(floats)
    left = named_expressions(every)
    while found := {name for name, expression in left if _is_floating_value(expression, names)}:
        left = [one for one in left if one[0] not in found]
        names |= found
    return names


def _is_floating_value(expression: Node, names: Collection[str]) -> bool:
    """Report whether an expression may have a floating-point value. A cast to another type has none."""
    if expression.get("class") == "CAST" and not is_floating(expression):
        return False
    return any(
        is_floating(node) or function_of(node) in _ROOTS | SUMS - {"sum"}
        for node in nodes(expression)
    ) or bool(columns_in(expression) & set(names))


def _is_inexact(node: Node, names: Collection[str]) -> bool:
    if function_of(node) not in _PLAIN:
        return True
    return any(_is_floating_value(one, names) for one in arguments_of(node))


def _is_sorted(node: Node) -> bool:
    """Report whether an aggregate adds in the order of its values: ``sum(x ORDER BY x)``."""
    orders = (node.get("order_bys") or {}).get("orders") or node.get("arg_orders") or ()
    sorted_by = {canonical(one["expression"]) for one in orders}
    return {canonical(one) for one in arguments_of(node)} <= sorted_by


def _note(node: Node) -> str:
    name, arguments = function_of(node), arguments_of(node)
    text = ", ".join(map(shown, arguments))
    if name in _MOMENTS:
        form = f"{name}({text} ORDER BY {text})"
    else:
        inner = arguments[0]["child"] if cast_type(arguments[0]) in _FLOATS else arguments[0]
        form = f"{_ALWAYS.get(name, name)}(CAST({shown(inner)} AS DECIMAL(18, 2)))"
    return (
        f"{name}({text}) adds floating-point numbers, whose last digits depend on the order of rows, and it "
        f"decides who is a member. Repeatable: {form}."
    )
