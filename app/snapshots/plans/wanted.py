"""Wanted keys: memberships under a specification, with identity, traits and fingerprint.

A written key is its value, then identity type and place, each after a unit separator. If keys are member ids and there
is one unnamed place, the key is the member id alone. So keys sort by value, and member ids need no computation.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.left_out import LeftOut
from app.snapshots.engine import (
    MEMBER,
    Cursor,
    LocalManifest,
    PlanSpec,
    sql_name,
    sql_text,
)
from app.snapshots.membership import Members, members_relation
from app.snapshots.plans.filled import filled_sql
from app.snapshots.plans.fingerprints import hash_sql
from app.snapshots.plans.key_fields import Field, key_fields
from app.snapshots.plans.named_columns import with_names
from app.snapshots.plans.shared_words import with_shared
from app.snapshots.plans.wanted_rows import member_rows, spread_rows
from app.snapshots.plans.wanted_values import entities_sql, identity_sql, traits_sql

SEPARATOR = "chr(31)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The members of one source under a specification.

    ``narrow`` is a query of ``source, member_id, owner, k, place, reason, fp1``, with a row for each key or left-out member
    (with the ``reason``). ``owner`` is the profile, NULL if it equals the member id. ``plain``: keys are member ids, which are unique, sorted in the file, and never left out.
    """

    spec: PlanSpec
    number: int
    whole: Members
    narrow: str
    plain: bool

    @property
    def linked(self) -> bool:
        """Whether members are entities of a profile."""
        return self.whole.profile != "member_id"

    @property
    def has_several(self) -> bool:
        """Whether a member can have several keys."""
        return self.spec.key == "identifiers" and any(
            entry.strategy == "all" for entry in self.spec.fields
        )

    @property
    def keyed(self) -> str:
        """The query of all columns of ``whole`` and the key ``k``, with a row for each key."""
        rows, _, _ = _spread_rows(self.spec, self.number, self.whole)
        key, _, value = _key(self.spec)
        columns = ", ".join(map(sql_name, self.whole.columns))
        return f"SELECT {columns}, {key} AS k FROM {rows} WHERE {_reason(self.spec, value)} IS NULL"

    def wide(self, members_of: str, only: str = "true") -> str:
        """Return a query of ``source, member_id, k`` and all values that are sent, for the members of a relation.

        Nothing is computed for other members. ``only`` is a condition on ``member_id``, to skip parts of the file.
        """
        chosen = f"""(SELECT * FROM {self.whole.sql} AS every SEMI JOIN (SELECT member_id FROM {members_of}
            WHERE source = {self.number}) AS chosen USING (member_id) WHERE {only})"""
        return _wide(self.spec, self.number, replace(self.whole, sql=chosen))


def wanted_sources(
    cursor: Cursor, spec: PlanSpec, manifests: Sequence[LocalManifest], *, hashed: bool = True
) -> list[Wanted]:
    """Return the sources of a plan, in order; ``hashed`` as in :func:`wanted_source`."""
    return [
        wanted_source(
            spec,
            number,
            with_shared(cursor, members_relation(cursor, manifest), spec),
            hashed=hashed,
        )
        for number, manifest in enumerate(manifests)
    ]


def wanted_source(spec: PlanSpec, number: int, whole: Members, *, hashed: bool = True) -> Wanted:
    """Return one source. ``number`` is its position in the plan. Unless ``hashed``, the hashes of ``narrow`` are 0."""
    plain = spec.key == "member" and not spec.arms and not spec.place and not spec.consent
    rows, fields, shown = _spread_rows(spec, number, whole)
    key, _, value = _key(spec)
    fp1 = hash_sql(spec, shown, fields) if hashed else "CAST(0 AS UBIGINT)"
    narrow = f"""SELECT source, member_id, nullif(profile_id, member_id) AS owner, {key} AS k, place, {_reason(spec, value)} AS reason,
        {fp1} AS fp1 FROM {rows}"""
    return Wanted(spec, number, whole, narrow, plain)


def left_out_keys(table: str, sources: Sequence[Wanted]) -> str:
    """Return the rows of members who are left out, of a table with the columns of ``narrow``: no other source has a key for them."""
    rows = f"(SELECT * FROM {table} WHERE reason IS NOT NULL)"
    if len(sources) == 1:
        return rows
    sent = f"(SELECT member_id FROM {table} WHERE reason IS NULL)"
    return f"(SELECT * FROM {rows} AS rows ANTI JOIN {sent} AS sent USING (member_id))"


def _wide(spec: PlanSpec, number: int, whole: Members) -> str:
    rows, fields, shown = _spread_rows(spec, number, whole)
    key, kind, value = _key(spec)
    return f"""SELECT source, member_id, {key} AS k, {kind} AS key_type, {value} AS value, place, profile_id,
        nullif({identity_sql(spec, fields)}, '{{}}') AS identity, nullif({traits_sql(spec, shown)}, '{{}}') AS traits,
        nullif({entities_sql(spec, whole)}, '{{}}') AS entities, {hash_sql(spec, shown, fields)} AS fp1,
        {filled_sql(spec, shown)} AS filled
        FROM {rows} WHERE {_reason(spec, value)} IS NULL"""


def _spread_rows(spec: PlanSpec, number: int, whole: Members) -> tuple[str, list[Field], Members]:
    """Return the rows of a membership, its key fields, and the membership with the traits that are named otherwise."""
    fields, shown = key_fields(spec, whole), with_names(spec, whole)
    rows = member_rows(spec, number, whole, fields, shown)
    return (spread_rows(rows, fields) if spec.key == "identifiers" else rows), fields, shown


def _key(spec: PlanSpec) -> tuple[str, str, str]:
    """Return the expressions of a row's written key, identity type and value."""
    kind, value = (sql_text(MEMBER), "member_id") if spec.key == "member" else ("_kind", "_value")
    if spec.key == "member" and not any(spec.places):
        return value, kind, value
    return f"{value} || {SEPARATOR} || {kind} || {SEPARATOR} || coalesce(place, '')", kind, value


def _reason(spec: PlanSpec, value: str) -> str:
    """Return the expression of the reason that leaves a row out, or NULL."""
    whens = []
    if spec.consent:
        whens.append(f"WHEN NOT _consent THEN {sql_text(LeftOut.NO_CONSENT)}")
    control = [sql_text(arm.name) for arm in spec.arms if not arm.sent]
    if control:
        whens.append(f"WHEN arm IN ({', '.join(control)}) THEN {sql_text(LeftOut.CONTROL)}")
    if spec.key == "identifiers":
        national = sql_text(LeftOut.PHONE_WITHOUT_COUNTRY)
        whens.append(f"WHEN {value} IS NULL AND _without_country THEN {national}")
        whens.append(f"WHEN {value} IS NULL THEN {sql_text(LeftOut.NO_IDENTIFIER)}")
    return f"CASE {' '.join(whens)} END" if whens else "CAST(NULL AS VARCHAR)"
