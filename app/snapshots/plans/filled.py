"""The fields of a key that are sent with a value, as a sorted JSON list of their names (``app.domain.sent_fields``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from app.domain.sent_fields import SentField, pointer
from app.snapshots.engine import PlanSpec, json_value, sql_name, sql_text
from app.snapshots.membership import Members
from app.snapshots.plans.wanted_values import used_traits

_EMPTY = "('\"\"', '[]', '{}', 'null')"  # JSON texts that are no value


def filled_sql(spec: PlanSpec, whole: Members) -> str:
    """Return the expression of the names of the fields that have a value; NULL if there are none.

    What is computed by more than a path has a value here if any trait that it reads has one. Members of computed objects
    are known only when they are rendered.
    """
    used = {trait: whole.traits[trait] for trait in used_traits(spec, whole)}
    parts: dict[str, list[str]] = {}
    lists: list[str] = []
    for field in spec.fields_sent:
        if not field.each:
            conditions = [found for path in field.reads for found in _has_value(path, used)]
            parts.setdefault(pointer(field.path), []).extend(conditions)
        elif not field.computed:
            for name, condition in _members(field, used):
                parts.setdefault(name, []).append(condition)
            lists += _objects(field, used)
    shown = [
        f"CASE WHEN {' OR '.join(conditions)} THEN {sql_text(orjson.dumps(name).decode())} END"
        for name, conditions in sorted(parts.items())
        if conditions
    ] + lists
    if not shown:
        return "CAST(NULL AS VARCHAR)"
    return f"nullif('[' || concat_ws(',', {', '.join(shown)}) || ']', '[]')"


def _has_value(path: str, used: dict[str, Any]) -> Iterator[str]:
    """Yield the conditions that a path leads to a value: through an object, to a trait, or to one whose name has dots."""
    for trait, kind in used.items():
        value = json_value(sql_name("t_" + trait), kind)
        if not path or f"{trait}.".startswith(f"{path}."):
            yield f"({value}) NOT IN {_EMPTY}"
        elif path.startswith(f"{trait}."):
            inside = sql_text(pointer(path[len(trait) + 1 :].split(".")))
            yield f"CAST(json_extract(CAST({value} AS JSON), {inside}) AS VARCHAR) NOT IN {_EMPTY}"


def _members(field: SentField, used: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and condition of each member of an object that traits are members of."""
    for path in field.reads:
        for trait in used:
            inside = f"{trait}." if not path else f"{trait}.".removeprefix(f"{path}.")
            if not path or (inside != f"{trait}." and inside):
                key = inside.split(".")[0]
                for condition in _has_value(trait, {trait: used[trait]}):
                    yield pointer((*field.path, key)), condition


def _objects(field: SentField, used: dict[str, Any]) -> Iterator[str]:
    """Yield the lists of the members that have a value, of traits that are the object: JSON strings with commas between."""
    prefix = pointer(field.path) + "/"
    for path in field.reads:
        if path in used:
            value = f"CAST({json_value(sql_name('t_' + path), used[path])} AS JSON)"
            key = "replace(replace(key, '~', '~0'), '/', '~1')"
            has_value = f"CAST(json_extract({value}, '/' || {key}) AS VARCHAR) NOT IN {_EMPTY}"
            names = f"list_transform(list_filter(json_keys({value}), lambda key: {has_value}), lambda key: CAST(to_json({sql_text(prefix)} || {key}) AS VARCHAR))"
            yield f"CASE WHEN json_type({value}) = 'OBJECT' THEN nullif(array_to_string(list_sort({names}), ','), '') END"
