"""Outcomes: what became of each change of a plan, written as the next delta of the holdings."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from app.domain.changes import Disposition
from app.snapshots.engine import (
    BatchOutcome,
    Cursor,
    FileFormat,
    FoldStats,
    LocalManifest,
    Manifest,
    PlanSpec,
    StoredFile,
    copy_to,
    fetch_one,
    file_version,
    format_metadata,
    parquet_relation,
    stored_relation,
)
from app.snapshots.holdings.fates import fate_sql
from app.snapshots.holdings.holding_rows import HELD
from app.snapshots.holdings.holdings import count_held
from app.snapshots.holdings.kept_values import (
    IS_UNCONFIRMED,
    SENT_HASH,
    UNCONFIRMED,
    filled_sql,
    unknowns_sql,
)
from app.snapshots.holdings.outcome_marks import batch_marks, exception_marks
from app.snapshots.holdings.renamed import RENAMED, RenameCheck, Renamed, find_renamed_changes


def fold_outcome(
    cursor: Cursor,
    plan: Path,
    holdings: LocalManifest,
    batches: Sequence[BatchOutcome],
    spec: PlanSpec,
    out: Path,
    exits_stay: bool = False,
    renames: RenameCheck | None = None,
) -> FoldStats:
    """Write the outcome of a sync: what became of each change of its plan, and the next delta of the holdings.

    It has one row for each change (silent ones too), sorted by key: the key's state afterwards (``holding_rows``), and
    ``kind, disposition, code, message, batch, sync_number``. Rows without a batch were never attempted.
    A change that ``UNCONFIRMED_AFTER`` syncs in a row sent with equal inputs, and none confirmed, is rejected as ``unconfirmed``.
    With ``exits_stay``, exits of keys that were ``maybe`` leave them so, because an earlier call may still add them. With
    ``renames``, a delivered change is unknown if its profile may have been renamed since (``renamed``).
    """
    held, assumed = count_held(cursor, holdings)
    cursor.register("batch_marks", batch_marks(batches))
    # The keys are written as in the plan.
    version = 1 if file_version(plan) == 1 else None
    metadata = format_metadata(FileFormat.OUTCOME, version)
    query = _outcome(plan, spec, exits_stay)

    def write(renamed: Collection[int] = ()) -> None:
        cursor.register("exception_marks", exception_marks(batches, renamed))
        cursor.execute(copy_to(query, out, narrow=False, metadata=metadata))

    try:
        write()
        found = Renamed()
        if renames is not None and version is None and any(one.partner_ids for one in batches):
            found = find_renamed_changes(cursor, renames, out)
        if found.rows:
            write(found.rows)
        stats = _fold_stats(cursor, plan, out, held, assumed)
        if found.rows or any(batch.unknown for batch in batches):
            stats = replace(stats, unconfirmed=_unconfirmed(cursor, out))
        return replace(
            stats,
            renamed=found.rows,
            renamed_before=found.before,
            renamed_others=found.others,
        )
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    finally:
        cursor.execute(f"DROP TABLE IF EXISTS {RENAMED}")
        cursor.unregister("batch_marks")
        cursor.unregister("exception_marks")


def _outcome(plan: Path, spec: PlanSpec, exits_stay: bool) -> str:
    """Return the query of the outcome's rows. Of a refused change of a held key, the row describes what is held."""
    number = "NULL" if spec.baseline else f"{spec.sync_number:d}"
    old = "fate = 'refused' AND old_held IS NOT NULL AND old_held <> 'no'"
    return f"""SELECT k, key_type, place,
            CASE WHEN {old} THEN old_member_id ELSE member_id END AS member_id,
            CASE WHEN {old} THEN old_profile_id ELSE profile_id END AS profile_id,
            CASE WHEN {old} THEN old_identity ELSE coalesce(marked_identity, identity) END AS identity,
            CASE fate WHEN 'keep' THEN NULL WHEN 'refused' THEN coalesce(old_held, 'no') ELSE fate END AS held,
            CASE WHEN fate = 'refused' THEN old_fp1 WHEN disposition = 'unknown' THEN {SENT_HASH} ELSE fp1 END AS fp1,
            CASE fate WHEN 'refused' THEN fp1 WHEN 'keep' THEN old_refused END AS fp1_refused,
            coalesce(marked_partner, partner_id) AS partner_id,
            CAST(CASE WHEN fate IN ('refused', 'keep') THEN old_sync ELSE {number} END AS BIGINT) AS sync,
            {filled_sql()} AS filled, {unknowns_sql()} AS unknowns,
            row, kind, disposition, code, message, batch,
            CAST({spec.sync_number:d} AS BIGINT) AS sync_number
        FROM {_marked(plan, spec, exits_stay)} ORDER BY k"""


def _marked(plan: Path, spec: PlanSpec, exits_stay: bool) -> str:
    """Return the relation of the plan's rows with their marks, disposition and fate."""
    return f"""(SELECT p.* REPLACE (nullif(coalesce(e.filled, p.filled), '[]') AS filled),
                d.disposition AS disposition, e.disposition AS marked, e.message AS message,
                CASE WHEN {IS_UNCONFIRMED} THEN '{UNCONFIRMED}' ELSE e.code END AS code, b.batch AS batch,
                e.partner_id AS marked_partner, e.identity AS marked_identity,
                {fate_sql(spec, exits_stay=exits_stay)} AS fate
            FROM {stored_relation([plan])} AS p
                LEFT JOIN (SELECT batch, disposition, unnest(range(first_row, first_row + rows)) AS row
                    FROM batch_marks) AS b ON p.row = b.row
                LEFT JOIN exception_marks AS e ON p.row = e.row,
            LATERAL (SELECT CASE WHEN p.row IS NULL THEN 'silent' WHEN {IS_UNCONFIRMED} THEN 'rejected'
                ELSE coalesce(e.disposition, b.disposition, 'pending') END AS disposition) AS d)"""


def _fold_stats(cursor: Cursor, plan: Path, out: Path, held: int, assumed: int) -> FoldStats:
    counts: dict[str, int] = dict(
        cursor.execute(
            f"SELECT disposition, count(*) FROM {parquet_relation([out])} GROUP BY disposition"
        ).fetchall()
    )
    row = fetch_one(
        cursor,
        f"""SELECT count(*) FILTER (o.{HELD}), count(*) FILTER (o.{HELD} AND o.sync IS NULL),
            count(*) FILTER (p.old_{HELD}), count(*) FILTER (p.old_{HELD} AND p.old_sync IS NULL)
        FROM (SELECT k, held, sync FROM {parquet_relation([out])} WHERE held IS NOT NULL) AS o
            JOIN (SELECT k, old_held, old_sync FROM {stored_relation([plan])}) AS p USING (k)""",
    )
    return FoldStats(
        sum(counts.values()),
        {Disposition(name): count for name, count in counts.items()},
        held + row[0] - row[2],
        assumed + row[1] - row[3],
    )


def _unconfirmed(cursor: Cursor, out: Path) -> frozenset[int]:
    """Return the rows that are rejected because no sync confirmed them. The partner itself may use the same code."""
    rows = cursor.execute(
        f"""SELECT row FROM {parquet_relation([out])} AS o JOIN exception_marks AS e USING (row)
        WHERE o.disposition = '{Disposition.REJECTED}' AND e.disposition = '{Disposition.UNKNOWN}'"""
    ).fetchall()
    return frozenset(row for (row,) in rows)


def fold_manifest(manifest: Manifest, outcome: StoredFile) -> Manifest:
    """Return the holdings after a fold. The first outcome becomes their base."""
    if not manifest.files:
        return Manifest((outcome,))
    return Manifest(manifest.base, (*manifest.deltas, outcome))
