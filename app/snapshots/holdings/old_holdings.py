"""Holdings of version 1: every key named the arm of its profile. They are rewritten once, before the next plan."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from app.domain.changes import Held
from app.snapshots.engine import (
    MEMBER,
    Cursor,
    FileFormat,
    LocalManifest,
    PlanSpec,
    copy_to,
    file_version,
    format_metadata,
    sql_text,
)
from app.snapshots.holdings.holding_rows import COLUMNS, SHOWN, VALUE, holdings_relation

_HALF = 2**32 - 1
_SEPARATOR = "chr(31)"


def is_old(manifest: LocalManifest) -> bool:
    """Return whether holdings have files of version 1. Raises UnknownFormat, as ``file_version`` does."""
    return any(file_version(path) == 1 for path in (*manifest.base, *manifest.deltas))


def rewrite_old_holdings(cursor: Cursor, manifest: LocalManifest, spec: PlanSpec, out: Path) -> int:
    """Write holdings of version 1 as one base of the current version. Returns its rows.

    ``spec`` gives the places of the arms. If a profile was held in two arms that have one place now, the row that is
    held, and then the newest, stays.
    """
    moved = f"SELECT * REPLACE ({_place(spec)} AS place), {VALUE} AS _value, place AS _arm FROM {holdings_relation(manifest)} AS rows"
    key = (
        f"CASE WHEN coalesce(key_type, '{MEMBER}') = '{MEMBER}' AND place IS NULL THEN _value "
        f"ELSE _value || {_SEPARATOR} || coalesce(key_type, '{MEMBER}') || {_SEPARATOR} || coalesce(place, '') END"
    )
    hashes = ", ".join(f"{_hash(spec, column)} AS {column}" for column in ("fp1", "fp1_refused"))
    columns = ", ".join(COLUMNS)
    query = f"""SELECT {SHOWN} FROM (SELECT * REPLACE ({key} AS k, {hashes}) FROM ({moved}) AS moved) AS rewritten
        QUALIFY row_number() OVER (PARTITION BY k
            ORDER BY CASE held WHEN '{Held.YES}' THEN 0 WHEN '{Held.MAYBE}' THEN 1 ELSE 2 END, sync DESC NULLS LAST, {columns}) = 1
        ORDER BY k"""
    metadata = format_metadata(FileFormat.HOLDINGS)
    cursor.execute(copy_to(query, out, narrow=False, metadata=metadata))
    return int(pq.read_metadata(out).num_rows)


def _place(spec: PlanSpec) -> str:
    """Return the expression of a row's place: that of its arm, or that of all keys."""
    whole = sql_text(spec.place) if spec.place is not None else "NULL"
    if not spec.arms:
        return f"CAST({whole} AS VARCHAR)"
    whens = " ".join(
        f"WHEN {sql_text(arm.name)} THEN {sql_text(arm.place) if arm.place is not None else 'NULL'}"
        for arm in spec.arms
    )
    return f"CAST(CASE place {whens} ELSE place END AS VARCHAR)"


def _hash(spec: PlanSpec, column: str) -> str:
    """Return the expression of a hash. Where arms are sent, its upper half is now the hash of the arm."""
    if not spec.tells_arms:
        return column
    upper = f"(md5_number_lower(coalesce(_arm, '')) & {_HALF}) * {_HALF + 1}"
    return f"CAST({upper} + ({column} & {_HALF}) AS UBIGINT)"
