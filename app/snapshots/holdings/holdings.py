"""Holdings: how the end of a sync is folded into them, and how they are looked into."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from app.domain.changes import ChangeKind, Disposition, Held
from app.domain.plan_rules import Row, fold
from app.snapshots.engine import (
    MEMBER,
    BatchOutcome,
    Cursor,
    FoldStats,
    LocalManifest,
    Manifest,
    PlanSpec,
    StoredFile,
    copy_to,
    fetch_one,
    key_value,
    parquet_relation,
    sql_text,
)
from app.snapshots.holdings.holding_rows import GONE, PROFILE, SHOWN, VALUE, holdings_relation
from app.snapshots.holdings.outcome_marks import batch_marks, exception_marks

_HELD = "held IN ('yes', 'maybe')"


def fold_outcome(
    cursor: Cursor,
    plan: Path,
    holdings: LocalManifest,
    batches: Sequence[BatchOutcome],
    spec: PlanSpec,
    out: Path,
) -> FoldStats:
    """Write what became of every change of a plan: the sync's outcome, and the holdings' next delta.

    One row per change (silent ones too), sorted by key, with the key's state after it (``holding_rows``) and ``kind,
    disposition, code, message, batch, sync_number``. Rows of no batch were never attempted.
    """
    held, assumed = count_held(cursor, holdings)
    cursor.register("batch_marks", batch_marks(batches))
    cursor.register("exception_marks", exception_marks(batches))
    try:
        cursor.execute(copy_to(_outcome(plan, spec), out, narrow=False))
        return _fold_stats(cursor, plan, out, held, assumed)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    finally:
        cursor.unregister("batch_marks")
        cursor.unregister("exception_marks")


def _outcome(plan: Path, spec: PlanSpec) -> str:
    number = "NULL" if spec.baseline else f"{spec.sync_number:d}"
    old = "fate = 'refused' AND old_held IS NOT NULL AND old_held <> 'no'"
    return f"""SELECT k, key_type, place,
            CASE WHEN {old} THEN old_member_id ELSE member_id END AS member_id,
            CASE WHEN {old} THEN old_profile_id ELSE profile_id END AS profile_id,
            CASE WHEN {old} THEN old_identity ELSE identity END AS identity,
            CASE fate WHEN 'keep' THEN NULL WHEN 'refused' THEN coalesce(old_held, 'no') ELSE fate END AS held,
            CASE WHEN fate = 'refused' THEN old_fp1 ELSE fp1 END AS fp1,
            CASE fate WHEN 'refused' THEN fp1 WHEN 'keep' THEN old_refused END AS fp1_refused,
            coalesce(marked_partner, partner_id) AS partner_id,
            CAST(CASE WHEN fate IN ('refused', 'keep') THEN old_sync ELSE {number} END AS BIGINT) AS sync,
            row, kind, disposition, code, message, batch,
            CAST({spec.sync_number:d} AS BIGINT) AS sync_number
        FROM (SELECT p.*, d.disposition AS disposition, e.code AS code, e.message AS message,
                b.batch AS batch, e.partner_id AS marked_partner, {_fate(spec)} AS fate
            FROM {parquet_relation([plan])} AS p
                LEFT JOIN (SELECT batch, disposition, unnest(range(first_row, first_row + rows)) AS row
                    FROM batch_marks) AS b ON p.row = b.row
                LEFT JOIN exception_marks AS e ON p.row = e.row,
            LATERAL (SELECT CASE WHEN p.row IS NULL THEN 'silent'
                ELSE coalesce(e.disposition, b.disposition, 'pending') END AS disposition) AS d)
        ORDER BY k"""


def _fate(spec: PlanSpec) -> str:
    """``plan_rules.fold`` as SQL: each case is asked of the rule once."""
    cases = []
    for disposition in Disposition:
        by_kind = {kind: _by_want(spec, kind, disposition) for kind in ChangeKind}
        by_kind[
            ChangeKind.UPDATED
        ] = f"""CASE WHEN p.old_held = '{Held.YES}' THEN {by_kind[ChangeKind.UPDATED]}
            ELSE {_by_want(spec, ChangeKind.UPDATED, disposition, Held.NO)} END"""
        whens = " ".join(f"WHEN '{kind}' THEN {row}" for kind, row in by_kind.items())
        cases.append(f"WHEN '{disposition}' THEN CASE p.kind {whens} END")
    return f"CASE d.disposition {' '.join(cases)} END"


def _by_want(
    spec: PlanSpec, kind: ChangeKind, disposition: Disposition, held: Held = Held.YES
) -> str:
    wanted, unwanted = (
        _row(fold(kind, disposition, mode=spec.mode, wanted=is_wanted, held=held))
        for is_wanted in (True, False)
    )
    return f"CASE WHEN p.wanted THEN '{wanted}' ELSE '{unwanted}' END"


def _row(row: Row) -> str:
    return {Row.GONE: GONE}.get(row, row.value)


def _fold_stats(cursor: Cursor, plan: Path, out: Path, held: int, assumed: int) -> FoldStats:
    counts: dict[str, int] = dict(
        cursor.execute(
            f"SELECT disposition, count(*) FROM {parquet_relation([out])} GROUP BY disposition"
        ).fetchall()
    )
    row = fetch_one(
        cursor,
        f"""SELECT count(*) FILTER (o.{_HELD}), count(*) FILTER (o.{_HELD} AND o.sync IS NULL),
            count(*) FILTER (p.old_{_HELD}), count(*) FILTER (p.old_{_HELD} AND p.old_sync IS NULL)
        FROM (SELECT k, held, sync FROM {parquet_relation([out])} WHERE held IS NOT NULL) AS o
            JOIN (SELECT k, old_held, old_sync FROM {parquet_relation([plan])}) AS p USING (k)""",
    )
    return FoldStats(
        sum(counts.values()),
        {Disposition(name): count for name, count in counts.items()},
        held + row[0] - row[2],
        assumed + row[1] - row[3],
    )


def fold_manifest(manifest: Manifest, outcome: StoredFile) -> Manifest:
    """The holdings after a fold; the first outcome of all is their base."""
    if not manifest.files:
        return Manifest((outcome,))
    return Manifest(manifest.base, (*manifest.deltas, outcome))


def compact_holdings(cursor: Cursor, manifest: LocalManifest, out: Path) -> int:
    """Write base and deltas as one base; its rows."""
    query = f"SELECT {SHOWN} FROM {holdings_relation(manifest)} AS rows ORDER BY k"
    cursor.execute(copy_to(query, out, narrow=False))
    return int(pq.read_metadata(out).num_rows)


def count_held(cursor: Cursor, manifest: LocalManifest) -> tuple[int, int]:
    """Keys that the destination holds (yes or maybe), and how many of them are assumed (never sent by us)."""
    row = fetch_one(
        cursor,
        f"""SELECT count(*) FILTER ({_HELD}), count(*) FILTER ({_HELD} AND sync IS NULL)
        FROM {holdings_relation(manifest)} AS rows""",
    )
    return int(row[0]), int(row[1])


def page_holdings(
    cursor: Cursor, manifest: LocalManifest, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """Rows of the holdings in the order of their keys.

    ``{"position", "key", "key_type", "place", "member_id", "profile_id", "identity", "held", "assumed", "refused",
    "partner_id", "sync"}``; ``position`` is what the next page begins ``after``.
    """
    where = f"k > {sql_text(after)}" if after is not None else "true"
    rows = cursor.execute(
        f"""SELECT k, key_type, place, member_id, profile_id, identity, held, fp1_refused, partner_id, sync
        FROM {holdings_relation(manifest)} AS rows WHERE {where} ORDER BY k LIMIT {limit:d}"""
    ).fetchall()
    return [_shown(*row) for row in rows]


def find_held(cursor: Cursor, manifest: LocalManifest, profile_id: str) -> list[dict[str, Any]]:
    """Rows of the holdings that belong to a profile, in the form of ``page_holdings``."""
    rows = cursor.execute(
        f"""SELECT k, key_type, place, member_id, profile_id, identity, held, fp1_refused, partner_id, sync
        FROM {holdings_relation(manifest)} AS rows WHERE {PROFILE} = $profile OR {VALUE} = $profile
        ORDER BY k LIMIT 100""",
        {"profile": profile_id},
    ).fetchall()
    return [_shown(*row) for row in rows]


def _shown(
    k: str,
    key_type: str | None,
    place: str | None,
    member: str | None,
    profile: str | None,
    identity: str | None,
    held: str,
    refused: int | None,
    partner: str | None,
    sync: int | None,
) -> dict[str, Any]:
    key = key_value(k, key_type, place)
    return {
        "position": k,
        "key": key,
        "key_type": key_type or MEMBER,
        "place": place,
        "member_id": member or key,
        "profile_id": profile or member or key,
        "identity": orjson.loads(identity) if identity else {},
        "held": Held(held),
        "assumed": sync is None and held in {Held.YES, Held.MAYBE},
        "refused": refused is not None,
        "partner_id": partner,
        "sync": sync,
    }


def find_profile(cursor: Cursor, outcomes: Sequence[Path], profile_id: str) -> list[dict[str, Any]]:
    """All that outcomes say of a profile, by sync and key.

    ``{"sync_number", "batch", "row", "kind", "disposition", "code", "message", "key", "key_type", "place", "identity",
    "held", "partner_id"}``; ``held`` None: its row in the holdings stayed as it was.
    """
    if not outcomes:
        return []
    result = cursor.execute(
        f"""SELECT sync_number, batch, row, kind, disposition, code, message, {VALUE} AS key,
            coalesce(key_type, '{MEMBER}') AS key_type, place, identity, nullif(held, '{GONE}') AS held, partner_id
        FROM {parquet_relation(outcomes)} WHERE {PROFILE} = $profile OR {VALUE} = $profile
        ORDER BY sync_number, k""",
        {"profile": profile_id},
    )
    columns = [column[0] for column in result.description or []]
    found = [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
    for entry in found:
        entry["identity"] = orjson.loads(entry["identity"]) if entry["identity"] else {}
    return found
