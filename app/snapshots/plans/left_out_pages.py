"""Pages of left-out members: ids, reason, arm and the values that the activation reads, ordered by id and reason."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.domain.left_out import LeftOut
from app.snapshots.engine import MEMBER, Cursor, PlanSpec, sql_name, sql_text
from app.snapshots.membership import Members
from app.snapshots.plans.key_fields import entries_of, given_values
from app.snapshots.plans.left_out import PlannedFrom, left_out_rows
from app.snapshots.plans.wanted import Wanted
from app.snapshots.plans.wanted_rows import arm_sql


@dataclass(frozen=True, slots=True)
class LeftOutMember:
    """A member that a plan leaves out.

    ``values``: what the member has in the fields that the activation uses as identifiers, as supplied, and its consent if
    that is required. ``key`` is the key that another member has (``kept_by``), or that the destination refused.
    """

    member_id: str
    profile_id: str
    reason: LeftOut
    arm: str | None
    values: Mapping[str, Any]
    key: str | None = None
    key_type: str | None = None
    kept_by: str | None = None


def read_left_out(
    cursor: Cursor,
    planned: PlannedFrom,
    reasons: Collection[LeftOut],
    after: tuple[str, str] | None,
    limit: int,
) -> list[LeftOutMember]:
    """Read up to ``limit`` left-out members after a pair of member id and reason. Each page computes all keys again."""
    spec = planned.spec
    with left_out_rows(cursor, planned, reasons) as sources:
        where = "true"
        if after is not None:
            where = f"(member_id, reason) > ({sql_text(after[0])}, {sql_text(after[1])})"
        page = cursor.execute(
            f"""SELECT member_id, owner, reason, {arm_sql(spec, "owner")} AS arm, source, k, kept_by
            FROM left_out_rows WHERE {where} ORDER BY member_id, reason LIMIT {limit:d}"""
        ).fetchall()
        values = _values(cursor, spec, sources, page)
    return [
        LeftOutMember(
            member_id,
            profile_id,
            LeftOut(reason),
            arm,
            values.get((source, member_id), {}),
            *_key(spec, k),
            kept_by,
        )
        for member_id, profile_id, reason, arm, source, k, kept_by in page
    ]


def _key(spec: PlanSpec, k: str | None) -> tuple[str | None, str | None]:
    """Return value and type of a written key."""
    if k is None:
        return None, None
    if spec.key == "member" and not any(spec.places):
        return k, MEMBER
    value, kind, _ = k.rsplit("\x1f", 2)
    return value, kind


def _values(
    cursor: Cursor, spec: PlanSpec, sources: Sequence[Wanted], page: Sequence[tuple[Any, ...]]
) -> dict[tuple[int, str], Mapping[str, Any]]:
    """Return the values of the members of a page by source and member id."""
    found: dict[tuple[int, str], Mapping[str, Any]] = {}
    for source in sources:
        ids = sorted({row[0] for row in page if row[4] == source.number})
        shown = _shown(spec, source.whole)
        if not ids or shown is None:
            continue
        rows = cursor.execute(
            f"SELECT member_id, {shown} FROM {source.whole.sql} AS rows WHERE member_id IN (SELECT unnest($ids))",
            {"ids": ids},
        ).fetchall()
        found.update({(source.number, row[0]): orjson.loads(row[1]) for row in rows})
    return found


def _shown(spec: PlanSpec, whole: Members) -> str | None:
    """Return the expression of a member's values as a JSON object, None if there are no such columns."""
    values: dict[str, str] = {}
    for entry in entries_of(spec, whole):
        given = given_values(entry, whole)
        if given is not None:
            values[entry.external_id] = (
                f"coalesce(list_filter({given}, lambda v: v IS NOT NULL), [])"
            )
    if spec.consent and (trait := whole.trait(spec.consent)) is not None:
        values[spec.consent] = sql_name("t_" + trait)
    pairs = ", ".join(f"{sql_text(name)}, {value}" for name, value in values.items())
    return f"CAST(json_object({pairs}) AS VARCHAR)" if pairs else None
