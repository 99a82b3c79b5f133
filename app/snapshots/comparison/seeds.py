"""Holdings seeded from a partner's list."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from app.domain.normalise import Normaliser
from app.snapshots.comparison.pairs import ROWS, WITH_LIST, Lists, paired
from app.snapshots.engine import (
    Cursor,
    FileFormat,
    FoldStats,
    LocalManifest,
    PlanSpec,
    copy_to,
    format_metadata,
    parquet_relation,
)
from app.snapshots.holdings import (
    HELD,
    SHOWN,
    count_held,
    fold_outcome,
    holdings_relation,
)
from app.snapshots.plans import write_plan


def seed_from_list(
    cursor: Cursor,
    listed: Path,
    fields: Mapping[str, Normaliser],
    targets: Mapping[str | None, str],
    spec: PlanSpec,
    wanted: Sequence[LocalManifest],
    holdings: LocalManifest,
    out: Path,
) -> FoldStats:
    """Write holdings of the keys that are at the partner, and are held already or wanted (then assumed).

    ``spec`` is that of a baseline. Unwanted members of the partner do not become ours. Holdings at places whose list was
    not read stay as they are, so that later syncs can remove them.
    """
    plan, every = out.with_name(f"{out.name}.plan"), out.with_name(f"{out.name}.every")
    try:
        write_plan(cursor, spec, wanted, holdings, plan)
        stats = fold_outcome(cursor, plan, LocalManifest(), [], spec, every)
        ours = holdings_relation(holdings)
        added = f"(SELECT {SHOWN} FROM {parquet_relation([every])} WHERE held IS NOT NULL)"
        with paired(cursor, Lists(listed, fields, targets), ours, added):
            cursor.execute(
                copy_to(
                    _seeded(ours), out, narrow=False, metadata=format_metadata(FileFormat.HOLDINGS)
                )
            )
        held, assumed = count_held(cursor, LocalManifest((out,)))
        return FoldStats(pq.read_metadata(out).num_rows, stats.by_disposition, held, assumed)
    finally:
        plan.unlink(missing_ok=True)
        every.unlink(missing_ok=True)


def _seeded(ours: str) -> str:
    """Return the query of the new holdings: keys found at the partner, and keys of places that were not read."""
    return f"""SELECT ours.* EXCLUDE (list) REPLACE (coalesce(ours.partner_id, found.partner_id) AS partner_id)
        FROM ours JOIN (SELECT k, min(there.partner_id) AS partner_id
            FROM pairs JOIN there USING (n) GROUP BY k) AS found USING (k)
        WHERE {HELD}
        UNION ALL SELECT {ROWS} FROM {ours} AS rows ANTI {WITH_LIST}
        ORDER BY k"""
