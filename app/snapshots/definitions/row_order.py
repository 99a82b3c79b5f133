"""Whether the result of a definition depends on the order of its rows, and the repeatable forms of what does.

The analysis reads the parse tree and the types of the datasets. Where it cannot show that order has no effect, the
definition runs on one thread, which reads and aggregates rows in the order of the file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from app.snapshots.definitions.floating_sums import SUMS, is_floating, sum_notes
from app.snapshots.definitions.query_tree import (
    arguments_of,
    canonical,
    columns_in,
    function_of,
    order_keys,
    shown,
)
from app.snapshots.definitions.syntax import nodes, parse

_PICKS = frozenset(["first", "last", "any_value", "arbitrary"])
_BY = frozenset(["arg_max", "arg_min", "argmax", "argmin", "max_by", "min_by"])
_LISTS = frozenset(["list", "array_agg", "string_agg", "group_concat", "listagg"])
_ESTIMATES = frozenset(["approx_quantile", "approx_top_k"])
_PLACES = frozenset(
    [
        "row_number",
        "ntile",
        "lead",
        "lag",
        "first_value",
        "last_value",
        "nth_value",
        "first",
        "last",
    ]
)
_EXACT = frozenset(
    [
        "count",
        "count_star",
        "count_if",
        "min",
        "max",
        "bool_and",
        "bool_or",
        "bit_and",
        "bit_or",
        "bit_xor",
        "+",
        "-",
        "*",
        "%",
        "=",
        "||",
        "!",
        "not",
        "and",
        "or",
        "~~",
        "!~~",
        "~~*",
        "!~~*",
        "like",
        "ilike",
        "regexp_matches",
        "regexp_extract",
        "contains",
        "starts_with",
        "ends_with",
        "lower",
        "upper",
        "trim",
        "ltrim",
        "rtrim",
        "length",
        "len",
        "strlen",
        "substring",
        "substr",
        "left",
        "right",
        "replace",
        "concat",
        "concat_ws",
        "split_part",
        "coalesce",
        "ifnull",
        "nullif",
        "greatest",
        "least",
        "if",
        "abs",
        "sign",
        "round",
        "trunc",
        "floor",
        "ceil",
        "hash",
        "md5",
        "date_trunc",
        "date_part",
        "date_diff",
        "datediff",
        "date_sub",
        "datesub",
        "date_add",
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "dayofweek",
        "isodow",
        "week",
        "quarter",
        "strftime",
        "strptime",
        "try_strptime",
        "make_date",
        "epoch",
        "last_day",
        "to_days",
        "to_months",
        "to_years",
        "to_hours",
        "to_minutes",
        "to_seconds",
        "to_weeks",
        "row",
        "struct_pack",
    ]
)


@dataclass(frozen=True, slots=True)
class RowOrder:
    """``independent``: order has no effect on the result. ``notes``: what depends on it, with the repeatable form."""

    independent: bool
    notes: tuple[str, ...]


def analyse_order(sql: str, datasets: Mapping[str, Path]) -> RowOrder:
    """Analyse a definition over datasets (Parquet files by name). What the parser cannot read counts as dependent."""
    return analyse_with_floats(sql, float_columns(datasets))


def analyse_with_floats(sql: str, floats: Collection[str]) -> RowOrder:
    """Analyse a definition, as ``analyse_order`` does. ``floats`` are columns of floating-point numbers, in lower case."""
    tree = orjson.loads(parse(sql).tree)
    if tree.get("error"):
        return RowOrder(False, ())
    every = list(nodes(tree))
    notes = list(dict.fromkeys([*_notes(every), *sum_notes(every, floats)]))
    return RowOrder(_is_independent(every, floats), tuple(notes))


def float_columns(datasets: Mapping[str, Path]) -> frozenset[str]:
    """Return the names of columns that hold floating-point numbers, in lower case, of Parquet files."""
    return frozenset(
        field.name.lower()
        for path in datasets.values()
        for field in pq.read_schema(path)
        if _has_float(field.type)
    )


def _has_float(kind: Any) -> bool:
    if pa.types.is_floating(kind):
        return True
    return any(_has_float(kind.field(index).type) for index in range(kind.num_fields))


def _is_independent(every: list[dict[str, Any]], floats: Collection[str]) -> bool:
    called = {name for node in every if (name := function_of(node))}
    sums = called & SUMS
    if sums - {"sum", "avg", "mean"} or called - _EXACT - SUMS - {"/"}:
        return False
    used = (
        floats
        if any(node.get("class") == "STAR" for node in every)
        else columns_in(every) & set(floats)
    )
    inexact = bool(used) or "/" in called or any(map(is_floating, every))
    if sums and (inexact or (len(sums) > 1 and "sum" in sums)):
        return False
    return not any(map(_reads_order, every))


def _reads_order(node: dict[str, Any]) -> bool:
    if node.get("class") == "WINDOW" or node.get("ref_type") in {"ASOF", "POSITIONAL"}:
        return True
    if node.get("type") == "DISTINCT_MODIFIER":
        return bool(node.get("distinct_on_targets"))
    return node.get("type") in {"LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"}


def _notes(every: list[dict[str, Any]]) -> Iterator[str]:
    for node in every:
        if node.get("type") == "SELECT_NODE":
            yield from _select_notes(node)
        elif node.get("class") == "FUNCTION":
            yield from _aggregate_notes(node)


def _aggregate_notes(node: dict[str, Any]) -> Iterator[str]:
    """Yield a note for an aggregate whose ORDER BY or arguments do not determine its value."""
    name, arguments = function_of(node), arguments_of(node)
    if not arguments:
        return
    value, text = canonical(arguments[0]), shown(arguments[0])
    orders = {
        canonical(one["expression"]) for one in (node.get("order_bys") or {}).get("orders") or ()
    }
    if value in orders or "*" in orders:
        return
    call = f"{name}({text})"
    if name in _PICKS:
        yield f"{call} depends on the order of rows. Repeatable: max({text}), or arg_max({text}, (t, {text})) with a column t."
    elif name in _BY and len(arguments) > 1:
        by = shown(arguments[1])
        if value not in {
            canonical(part) for part in (arguments_of(arguments[1]) or [arguments[1]])
        }:
            yield (
                f"{name}({text}, {by}) depends on the order of rows if two have the same {by}. "
                f"Repeatable: {name}({text}, ({by}, {text}))."
            )
    elif name == "mode":
        yield f"{call} depends on the order of rows if two values are as frequent. Repeatable: mode({text} ORDER BY {text})."
    elif name in _LISTS:
        more = ", ','" if name in {"string_agg", "group_concat", "listagg"} else ""
        yield f"{call} depends on the order of rows. Repeatable: {name}({text}{more} ORDER BY {text})."
    elif name in _ESTIMATES:
        yield f"{call} is an estimate that depends on the order of rows. Repeatable: quantile_disc, or counts with GROUP BY."


def _select_notes(node: dict[str, Any]) -> Iterator[str]:
    """Yield a note for each LIMIT, DISTINCT ON and window of a SELECT whose order is not shown to be total."""
    modifiers = {one["type"]: one for one in node.get("modifiers") or ()}
    keys = order_keys(node, (modifiers.get("ORDER_MODIFIER") or {}).get("orders") or ())
    limited = modifiers.keys() & {"LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"}
    if limited and not _is_total(node, keys) and "profile_id" not in keys:
        yield (
            "LIMIT depends on the order of rows if ORDER BY does not determine it. "
            "Repeatable: ORDER BY columns of which no two rows have the same values, such as profile_id."
        )
    targets = (modifiers.get("DISTINCT_MODIFIER") or {}).get("distinct_on_targets")
    if targets and not _is_total(
        node, keys | order_keys(node, [{"expression": one} for one in targets])
    ):
        yield (
            "DISTINCT ON depends on the order of rows if ORDER BY does not determine it. "
            "Repeatable: add all selected columns to ORDER BY."
        )
    yield from _window_notes(node)


def _window_notes(node: dict[str, Any]) -> Iterator[str]:
    own = [node.get("select_list"), node.get("qualify"), node.get("modifiers")]
    for window in nodes(own):
        if window.get("class") != "WINDOW":
            continue
        name = function_of(window) or str(window.get("type", "")).removeprefix("WINDOW_").lower()
        by_rows = any(str(window.get(end, "")).endswith("_ROWS") for end in ("start", "end"))
        if name not in _PLACES and not by_rows and name not in _LISTS:
            continue
        keys = order_keys(node, window.get("orders") or ())
        keys |= order_keys(node, [{"expression": one} for one in window.get("partitions") or ()])
        if not _is_total(node, keys, grouped=False):
            yield (
                f"{name}() OVER depends on the order of rows if two are equal in its ORDER BY. "
                "Repeatable: add columns to ORDER BY until no two rows are equal, such as an id."
            )


def _is_total(node: dict[str, Any], keys: Collection[str], *, grouped: bool = True) -> bool:
    """Return whether rows that are equal in ``keys`` are equal in all that the SELECT shows."""
    if "*" in keys:
        return True
    groups = node.get("group_expressions") or ()
    if (
        grouped
        and groups
        and order_keys(node, [{"expression": one} for one in groups]) <= set(keys)
    ):
        return True
    return all(_is_covered(one, keys) for one in node.get("select_list") or ())


def _is_covered(expression: dict[str, Any], keys: Collection[str]) -> bool:
    if expression.get("class") == "STAR":
        return False
    if canonical(expression) in keys or str(expression.get("alias") or "").lower() in keys:
        return True
    found = columns_in(expression)
    calls = {function_of(one) for one in nodes(expression)} - {""}
    return found <= set(keys) and not calls & (
        SUMS | _LISTS | _PICKS | _BY | {"count", "min", "max"}
    )
