"""Values that are sent with a key, as JSON: identity, traits and entities."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.column_names import is_on_path
from app.snapshots.engine import (
    PlanSpec,
    json_members,
    json_object,
    json_value,
    spelled_value,
    sql_name,
    sql_text,
)
from app.snapshots.membership import Members
from app.snapshots.plans.key_fields import Field


def identity_sql(spec: PlanSpec, fields: list[Field]) -> str:
    """Return the expression of the identity: the values of all fields; of the key's field only the key's value."""
    shown = {}
    for index, field in enumerate(fields):
        single = f"CAST(to_json({field.column}[1]) AS VARCHAR)"
        several = (
            f"CASE WHEN len({field.column}) > 0 THEN CAST(to_json({field.column}) AS VARCHAR) END"
        )
        value = several if field.entry.strategy == "all" else single
        if spec.key == "identifiers":
            value = (
                f"CASE WHEN _field = {index} THEN CAST(to_json(_value) AS VARCHAR) ELSE {value} END"
            )
        shown[field.travels_as] = value
    return json_members(shown)


def used_traits(spec: PlanSpec, whole: Members) -> list[str]:
    """List the traits that are sent and hashed."""
    if spec.traits is None:
        return sorted(whole.traits)
    return [
        trait
        for trait in whole.traits
        if trait in spec.traits or any(is_on_path(trait, path) for path in spec.reads)
    ]


def traits_sql(spec: PlanSpec, whole: Members, *, canonical: bool = False) -> str:
    """Return the expression of the traits. ``canonical`` is the form that is hashed."""
    used = {
        trait: (sql_name("t_" + trait), whole.traits[trait]) for trait in used_traits(spec, whole)
    }
    if not canonical or not whole.marks.spelled & used.keys():
        return json_object(used, canonical=canonical)
    return json_members(
        {
            trait: spelled_value(value) if trait in whole.marks.spelled and kind.id == "varchar"
            else json_value(value, kind, canonical=True)
            for trait, (value, kind) in used.items()
        }
    )  # fmt: skip


def entities_sql(spec: PlanSpec, whole: Members, *, canonical: bool = False) -> str:
    """Return the expression of the entities by relationship. ``canonical`` is the form that is hashed."""
    parts = {}
    for relationship, properties in spec.entities.items():
        kind = whole.entities.get(relationship)
        column = sql_name(f"ent_{relationship}")
        if kind is not None and str(kind) == "JSON":
            parts[relationship] = _json_entities(column, properties)
        elif kind is not None and kind.id == "list":
            shape = dict(dict(kind.children)["child"].children)
            picked = {
                key: (f"(x).{sql_name(key)}", shape[key])
                for key in properties or shape
                if key in shape
            }
            parts[relationship] = _each(column, json_object(picked, canonical=canonical, depth=1))
    return json_members(parts)


def _each(entities: str, shown: str) -> str:
    return f"'[' || array_to_string(list_transform({entities}, lambda x: {shown}), ',') || ']'"


def _json_entities(column: str, properties: Sequence[str]) -> str:
    """Return the expression of entities that are stored as JSON: objects whose keys are sorted already."""
    if not properties:
        return f"CAST({column} AS VARCHAR)"
    picked = {
        key: f"nullif(CAST(json_extract(x, {sql_text(_pointer(key))}) AS VARCHAR), 'null')"
        for key in properties
    }
    return _each(f"CAST({column} AS JSON[])", json_members(picked))


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")
