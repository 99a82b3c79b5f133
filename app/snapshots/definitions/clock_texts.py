"""Texts such as ``'today'`` in a parsed query that are meant as the clock.

The engine knows none of these words: a cast of one fails in the run, and TRY_CAST yields NULL without an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.domain.clock_words import has_clock_word, is_clock_word
from app.snapshots.definitions.query_tree import arguments_of, cast_type, function_of
from app.snapshots.definitions.syntax import nodes

_TIMES = ("date", "time")  # with which the names of types begin
_ORDERS = frozenset(
    [
        "COMPARE_LESSTHAN",
        "COMPARE_GREATERTHAN",
        "COMPARE_LESSTHANOREQUALTO",
        "COMPARE_GREATERTHANOREQUALTO",
        "COMPARE_BETWEEN",
        "COMPARE_NOT_BETWEEN",
    ]
)


def clock_texts(node: dict[str, Any]) -> Iterator[str]:
    """Yield a message for each such text that a node casts to a time, or compares by its order.

    ``label = 'now'`` compares texts as well as times, and is not reported.
    """
    found: list[str] = []
    if _is_time(node):
        found = [text for text in _texts(node["child"]) if has_clock_word(text)]
    elif str(node.get("type")) in _ORDERS:
        sides = [node.get(side) for side in ("left", "right", "input", "lower", "upper")]
        found = [text for side in sides for text in _texts(side or {}) if is_clock_word(text)]
    for text in found:
        yield (
            f"'{text[:50]}' is no moment of time here. Use $as_of, the moment of the run; "
            "CAST($as_of AS DATE) is its day."
        )


def _is_time(node: dict[str, Any]) -> bool:
    """Report whether a node is a cast to a date, a time or a timestamp, or to a list of them."""
    if not cast_type(node):
        return False
    kinds = [
        cast_type(node),
        *(str(one.get("type_name")).lower() for one in nodes(node.get("type_expr"))),
    ]
    return any(kind.startswith(_TIMES) for kind in kinds)


def _texts(expression: dict[str, Any]) -> Iterator[str]:
    """Yield the text of a literal, also of one in a list or in a further cast."""
    left = [expression]
    while left:
        one = left.pop()
        literal = one.get("literal") or {}
        if literal.get("kind") == "STRING":
            yield str(literal.get("text", ""))
        elif one.get("class") == "CAST":
            left.append(one["child"])
        elif function_of(one) == "list_value":
            left.extend(arguments_of(one))
