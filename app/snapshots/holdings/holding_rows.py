"""Holdings as one relation: base and outcome files.

A base has one row for each key, sorted by key: ``k, key_type, place, member_id, profile_id, identity, held, fp1,
fp1_refused, partner_id, sync, filled, unknowns``. An outcome file has these columns for the state after its sync, and what became of the
change. There, ``held`` is ``gone`` for a key that left, and NULL for a key whose row does not change.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from app.domain.changes import Held
from app.snapshots.engine import MEMBER, LocalManifest, numbered_relation, sql_name, stored_relation

#: Columns and their types. ``key_type`` NULL: the key is the member id. ``member_id`` NULL: it equals the key's value.
#: ``profile_id`` NULL: it equals the member id. ``sync`` NULL: assumed, never sent.
#: ``filled``: the fields that were sent with a value (``plans.filled``), NULL if none is known. ``unknowns``: the syncs in
#: a row that sent these inputs and got no confirmation; NULL: none.
COLUMNS = {
    "k": "VARCHAR",
    "key_type": "VARCHAR",
    "place": "VARCHAR",
    "member_id": "VARCHAR",
    "profile_id": "VARCHAR",
    "identity": "VARCHAR",
    "held": "VARCHAR",
    "fp1": "UBIGINT",
    "fp1_refused": "UBIGINT",
    "partner_id": "VARCHAR",
    "sync": "BIGINT",
    "filled": "VARCHAR",
    "unknowns": "UTINYINT",
}
#: Columns with few different values.
REPETITIVE = ("key_type", "place", "held", "sync", "filled", "unknowns")
GONE = "gone"
#: The condition that a row's key is held.
HELD = f"held IN ('{Held.YES}', '{Held.MAYBE}')"
SHOWN = ", ".join(sql_name(column) for column in COLUMNS)
#: The value of a written key, as ``engine.key_value`` has it in Python.
VALUE = (
    f"CASE WHEN key_type IS NULL OR (key_type = '{MEMBER}' AND place IS NULL AND NOT contains(k, chr(31))) THEN k "
    "ELSE left(k, length(k) - length(key_type) - length(coalesce(place, '')) - 2) END"
)
PROFILE = f"coalesce(profile_id, member_id, {VALUE})"
EMPTY = "(SELECT {} WHERE false)".format(
    ", ".join(f"CAST(NULL AS {kind}) AS {sql_name(column)}" for column, kind in COLUMNS.items())
)


def holdings_relation(manifest: LocalManifest) -> str:
    """Return the current rows as a relation (a parenthesised query)."""
    there = f"held IS NOT NULL AND held <> '{GONE}'"
    if not manifest.base and not manifest.deltas:
        return EMPTY
    if not manifest.deltas:
        return f"(SELECT {SHOWN} FROM {stored_relation(manifest.base)} WHERE {there})"
    if not manifest.base and len(manifest.deltas) == 1:
        return f"(SELECT {SHOWN} FROM {stored_relation(manifest.deltas)} WHERE {there})"
    touched = f"SELECT k FROM {stored_relation(manifest.deltas)} WHERE held IS NOT NULL"
    latest = f"SELECT {SHOWN} FROM {_latest(manifest)} AS latest WHERE {there}"
    if not manifest.base:
        return f"({latest})"
    # An outer join, unlike ANTI JOIN, lets the engine apply a key range to the deltas, too.
    shown = ", ".join(f"base.{sql_name(column)}" for column in COLUMNS)
    return f"""(SELECT {shown} FROM {stored_relation(manifest.base)} AS base
        LEFT JOIN ({touched}) AS touched ON base.k = touched.k
        WHERE touched.k IS NULL AND {there} UNION ALL {latest})"""


def _latest(manifest: LocalManifest) -> str:
    if len(manifest.deltas) == 1:
        return f"(SELECT {SHOWN} FROM {stored_relation(manifest.deltas)})"
    numbered = (
        f"SELECT {SHOWN}, _number FROM {numbered_relation(manifest.deltas)} WHERE held IS NOT NULL"
    )
    return f"""(SELECT {SHOWN} FROM ({numbered}) AS numbered
        QUALIFY row_number() OVER (PARTITION BY k ORDER BY _number DESC) = 1)"""
