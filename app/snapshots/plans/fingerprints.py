"""Fingerprints: hashes of the values that are sent with a key."""

from __future__ import annotations

from app.snapshots.engine import (
    PlanSpec,
)
from app.snapshots.membership import Members
from app.snapshots.plans.key_fields import Field
from app.snapshots.plans.wanted_values import entities_sql, identity_sql, traits_sql, used_traits

HALF = 2**32 - 1  # mask of half of a hash


def hash_sql(spec: PlanSpec, whole: Members, fields: list[Field]) -> str:
    """Return the expression of the hash ``fp1`` over the identifiers, traits and entities that are sent; 0 if there are none.

    If arms are sent, the upper half is the hash of the arm, which ``decisions`` can compare alone.
    """
    whole_hash = _hash_of_values(spec, whole, fields)
    if not spec.tells_arms:
        return whole_hash
    upper = f"(md5_number_lower(coalesce(arm, '')) & {HALF}) * {HALF + 1}"
    return f"CAST({upper} + ({whole_hash} & {HALF}) AS UBIGINT)"


def _hash_of_values(spec: PlanSpec, whole: Members, fields: list[Field]) -> str:
    parts = []
    single = len(fields) == 1 and fields[0].entry.strategy != "all"
    if fields and not (spec.key == "identifiers" and single):
        parts.append(identity_sql(spec, fields))
    if used_traits(spec, whole):
        parts.append(traits_sql(spec, whole, canonical=True))
    if spec.entities:
        parts.append(entities_sql(spec, whole, canonical=True))
    if not parts:
        return "CAST(0 AS UBIGINT)"
    return f"md5_number_lower({' || '.join(parts)})"
