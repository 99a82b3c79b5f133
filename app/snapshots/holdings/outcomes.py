"""Outcomes: what became of each change of a plan, written as the next delta of the holdings."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from app.domain.changes import Disposition, Held
from app.snapshots.engine import (
    BatchOutcome,
    Cursor,
    FileFormat,
    FoldStats,
    KeyRange,
    LocalManifest,
    Manifest,
    PlanSpec,
    StoredFile,
    file_version,
    format_metadata,
    key_ranges,
    parquet_relation,
    row_group_weights,
    stored_relation,
    write_sorted,
)
from app.snapshots.holdings.fates import fate_sql
from app.snapshots.holdings.holding_rows import REPETITIVE
from app.snapshots.holdings.holdings import count_held
from app.snapshots.holdings.kept_values import (
    IS_UNCONFIRMED,
    SENT_HASH,
    UNCONFIRMED,
    filled_sql,
    unknowns_sql,
)
from app.snapshots.holdings.outcome_marks import OutcomeMarks, with_renamed
from app.snapshots.holdings.renamed import RENAMED, RenameCheck, Renamed, find_renamed_changes

_REPETITIVE = (*REPETITIVE, "kind", "disposition", "code", "message", "batch", "sync_number")


@cache  # when it is needed: the first array of a process imports pandas where that is installed
def _held_values() -> pa.Array:
    return pa.array([Held.YES.value, Held.MAYBE.value])


def fold_outcome(
    cursor: Cursor,
    plan: Path,
    holdings: LocalManifest,
    batches: Iterable[BatchOutcome],
    spec: PlanSpec,
    out: Path,
    exits_stay: bool = False,
    renames: RenameCheck | None = None,
) -> FoldStats:
    """Write the outcome of a sync, given what is known of its batches: see :func:`fold_marks`."""
    with OutcomeMarks(out) as marks:
        marks.add(batches)
        return fold_marks(cursor, plan, holdings, marks, spec, out, exits_stay, renames)


def fold_marks(
    cursor: Cursor,
    plan: Path,
    holdings: LocalManifest,
    marks: OutcomeMarks,
    spec: PlanSpec,
    out: Path,
    exits_stay: bool = False,
    renames: RenameCheck | None = None,
    *,
    before: tuple[int, int] | None = None,
) -> FoldStats:
    """Write the outcome of a sync: what became of each change of its plan, and the next delta of the holdings.

    It has one row for each change (silent ones too), sorted by key: the key's state afterwards (``holding_rows``), and
    ``kind, disposition, code, message, batch, sync_number``. Rows without a batch were never attempted.
    A change that ``UNCONFIRMED_AFTER`` syncs in a row sent with equal inputs, and none confirmed, is rejected as ``unconfirmed``.
    With ``exits_stay``, exits of keys that were ``maybe`` leave them so, because an earlier call may still add them. With
    ``renames``, a delivered change is unknown if its profile may have been renamed since (``renamed``). ``before``: how many keys
    of the holdings are held and assumed, if it is known.
    """
    write = partial(
        _write,
        cursor,
        plan,
        partial(_outcome, plan, spec, exits_stay),
        out,
        before or count_held(cursor, holdings),
    )
    try:
        with marks.shown(cursor):
            stats, found = write(), Renamed()
            if renames is not None and file_version(plan) > 1 and marks.has_partner_ids:
                found = find_renamed_changes(cursor, renames, out)
            if found.rows:
                with with_renamed(cursor, found.rows):
                    stats = write()
                    stats = replace(stats, unconfirmed=_unconfirmed(cursor, out))
            elif marks.has_unknown:
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


def _write(
    cursor: Cursor,
    plan: Path,
    query: Callable[[KeyRange], str],
    out: Path,
    before: tuple[int, int],
) -> FoldStats:
    """Write the rows of :func:`_outcome`, and count them. ``before``: the keys that were held and assumed."""
    counter = _Counter(*before)
    # The keys are written as in the plan.
    version = 1 if file_version(plan) == 1 else None
    write_sorted(
        cursor,
        query,
        key_ranges([row_group_weights([plan], "k")]),
        out,
        repetitive=_REPETITIVE,
        metadata=format_metadata(FileFormat.OUTCOME, version),
        pick=counter.take,
    )
    return counter.stats()


def _outcome(plan: Path, spec: PlanSpec, exits_stay: bool, span: KeyRange) -> str:
    """Return the query of the outcome's rows in a range. Of a refused change of a held key, the row describes what is held.

    ``old_held`` and ``old_sync`` follow, for the counts.
    """
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
            CAST({spec.sync_number:d} AS BIGINT) AS sync_number, old_held, old_sync
        FROM {_marked(plan, spec, exits_stay, span)} ORDER BY k"""


def _marked(plan: Path, spec: PlanSpec, exits_stay: bool, span: KeyRange) -> str:
    """Return the relation of the plan's rows in a range with their marks, disposition and fate."""
    rows = f"{stored_relation([plan])} AS rows WHERE {span.holds('k')}"
    # Only the numbers of rows go through the join that sorts them.
    batches = f"""SELECT row, batch, disposition FROM (SELECT row FROM {rows} AND row IS NOT NULL) AS numbers
        ASOF JOIN (SELECT * FROM batch_marks WHERE rows > 0) AS marks ON row >= first_row WHERE row < first_row + marks.rows"""
    return f"""(SELECT p.* REPLACE (nullif(coalesce(e.filled, p.filled), '[]') AS filled),
                d.disposition AS disposition, e.disposition AS marked, e.message AS message,
                CASE WHEN {IS_UNCONFIRMED} THEN '{UNCONFIRMED}' ELSE e.code END AS code, b.batch AS batch,
                e.partner_id AS marked_partner, e.identity AS marked_identity,
                {fate_sql(spec, exits_stay=exits_stay)} AS fate
            FROM (SELECT * FROM {rows}) AS p
                LEFT JOIN ({batches}) AS b ON p.row = b.row
                LEFT JOIN exception_marks AS e ON p.row = e.row,
            LATERAL (SELECT CASE WHEN p.row IS NULL THEN 'silent' WHEN {IS_UNCONFIRMED} THEN 'rejected'
                ELSE coalesce(e.disposition, b.disposition, 'pending') END AS disposition) AS d)"""


class _Counter:
    """Counts the rows of an outcome while they are written. ``held`` and ``assumed`` are those before."""

    def __init__(self, held: int, assumed: int) -> None:
        self._held, self._assumed = held, assumed
        self._rows: Counter[str] = Counter()

    def take(self, rows: pa.Table) -> pa.Table:
        """Count rows of :func:`_outcome`. Returns the columns that the file has."""
        counts: Any = pc.value_counts(rows["disposition"])
        self._rows.update({one["values"]: one["counts"] for one in counts.to_pylist()})
        changed = rows.filter(pc.is_valid(rows["held"]))
        for held, sync, sign in (("held", "sync", 1), ("old_held", "old_sync", -1)):
            is_held: Any = pc.is_in(changed[held], _held_values())
            is_assumed: Any = pc.and_(is_held, pc.is_null(changed[sync]))
            self._held += sign * (pc.sum(is_held).as_py() or 0)
            self._assumed += sign * (pc.sum(is_assumed).as_py() or 0)
        return rows.drop_columns(["old_held", "old_sync"])

    def stats(self) -> FoldStats:
        """Return the counts of all rows, and what is held after them."""
        dispositions = {Disposition(name): count for name, count in sorted(self._rows.items())}
        return FoldStats(self._rows.total(), dispositions, self._held, self._assumed)


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
