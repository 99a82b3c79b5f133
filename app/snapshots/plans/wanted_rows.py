"""Rows of a membership under a specification: values, arm, place and consent, computed once."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from app.domain.splits import assign_sql
from app.snapshots.engine import (
    PlanSpec,
    sql_name,
    sql_text,
)
from app.snapshots.membership import Members
from app.snapshots.plans.key_fields import Field

_IDS = {"member_id", "profile_id"}
_NUMBERS = {
    "tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint",
    "float", "double", "decimal",
}  # fmt: skip


def member_rows(
    spec: PlanSpec, number: int, whole: Members, fields: list[Field], shown: Members
) -> str:
    """Return the membership with the values, arm, place and consent of each member, and the columns of ``shown``."""
    extra = [f"{field.values} AS {field.column}" for field in fields]
    # The engine finds columns in any case.
    columns = {column.lower(): column for column in reversed(shown.columns)}
    kept = [sql_name(column) for lower, column in columns.items() if lower not in _IDS]
    parts = [
        f"{number} AS source",
        "member_id",
        f"{whole.profile} AS profile_id",
        f"{arm_sql(spec, whole.profile)} AS arm",
        f"{_place(spec)} AS place",
        f"{_consent(spec, whole)} AS _consent",
        f"{_without_country(fields)} AS _without_country",
        *extra,
        *kept,
    ]
    return f"(SELECT {', '.join(parts)} FROM {shown.sql})"


def arm_sql(spec: PlanSpec, profile: str) -> str:
    """Return the expression of the arm that the split gives a profile, NULL without a split."""
    if not spec.arms:
        return "CAST(NULL AS VARCHAR)"
    arms = [(arm.name, arm.weight) for arm in spec.arms]
    return f"CAST({assign_sql(spec.split_seed, arms, profile)} AS VARCHAR)"


def _place(spec: PlanSpec) -> str:
    if not spec.arms:
        return f"CAST({sql_text(spec.place) if spec.place is not None else 'NULL'} AS VARCHAR)"
    whens = " ".join(
        f"WHEN {sql_text(arm.name)} THEN {sql_text(arm.place)}"
        for arm in spec.arms
        if arm.place is not None
    )
    return f"CAST(CASE arm {whens} END AS VARCHAR)" if whens else "CAST(NULL AS VARCHAR)"


def _consent(spec: PlanSpec, whole: Members) -> str:
    if not spec.consent:
        return "true"
    trait = whole.trait(spec.consent)
    if trait is None:
        return "false"
    kind, column = whole.traits[trait], sql_name("t_" + trait)
    if kind.id in _NUMBERS:
        return f"coalesce({column} = 1, false)"  # a cast takes 2 and -1 as true, too: often a code for no
    text = f"({column} ->> '$')" if str(kind) == "JSON" else f"CAST({column} AS VARCHAR)"
    return f"coalesce(TRY_CAST({text} AS BOOLEAN), false)"


def _without_country(fields: list[Field]) -> str:
    conditions = [field.national for field in fields if field.national is not None]
    return " OR ".join(conditions) if conditions else "false"


def spread_rows(rows: str, fields: list[Field]) -> str:
    """Return a row for each value of the first field that has any. A member without values keeps one row."""
    if not fields:
        return f"(SELECT *, '' AS _kind, CAST(NULL AS VARCHAR) AS _value FROM {rows})"
    whens = " ".join(
        f"WHEN len({field.column}) > 0 THEN {index}" for index, field in enumerate(fields)
    )
    kinds = " ".join(
        f"WHEN {index} THEN {sql_text(field.travels_as)}" for index, field in enumerate(fields)
    )
    lists = " ".join(f"WHEN {index} THEN {field.column}" for index, field in enumerate(fields))
    if all(field.entry.strategy != "all" for field in fields):
        value = f"CASE _field {lists} END[1]"
    else:
        value = f"unnest(coalesce(CASE _field {lists} END, [NULL]))"
    return f"""(SELECT *, CASE _field {kinds} ELSE '' END AS _kind, {value} AS _value
        FROM (SELECT *, CASE {whens} END AS _field FROM {rows}))"""
