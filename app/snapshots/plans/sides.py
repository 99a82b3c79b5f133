"""Both sides of a plan: wanted keys and holdings, divided into key ranges."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from app.snapshots.engine import (
    RANGE_ROWS,
    Cursor,
    KeyRange,
    LocalManifest,
    PlanSpec,
    fetch_one,
    key_ranges,
    row_group_weights,
    row_width,
)
from app.snapshots.holdings import holdings_relation
from app.snapshots.plans.decisions import needs_hashes
from app.snapshots.plans.wanted import Wanted, left_out_keys, wanted_sources


@dataclass(slots=True)
class Sides:
    """Both sides of the join: relations, ranges, and counts of the wanted side."""

    sources: Sequence[Wanted]
    keys: str  # relation of source, member_id, owner, k, place, fp1
    plain: bool
    held: str
    ranges: list[KeyRange]
    wanted: int
    left_out: dict[str, int]
    refusals: bool = True  # whether a held row has a hash that was refused
    width: int = 1  # of the members' rows

    @property
    def owned(self) -> bool:
        """Whether a key can belong to another profile than before."""
        return any(source.spec.key == "identifiers" or source.linked for source in self.sources)


@dataclass(frozen=True, slots=True)
class Counted:
    """What is known of both sides: the members of the only source, and the keys that are held. None: not known."""

    members: int | None = None
    held: int | None = None


NOT_COUNTED = Counted()


def plan_sides(
    cursor: Cursor,
    spec: PlanSpec,
    wanted: Sequence[LocalManifest],
    holdings: LocalManifest,
    *,
    refusals: bool = True,
    members: int | None = None,
) -> Sides:
    """Prepare both sides, and the empty table ``decided``. Keys of plain sources are read from the file, others staged.

    In ``decided``, the ``member_id`` of a wanted key is NULL if it equals the key: a first plan has a row for each member.
    Hashes are computed only if the decisions depend on them; ``refusals`` as in ``Sides``. ``members``: how
    many members the only source has, if it is known.
    """
    hashed = needs_hashes(spec, refusals=refusals)
    sources = wanted_sources(cursor, spec, wanted, hashed=hashed)
    files = [path for one in wanted for path in (*one.base, *one.deltas)]
    width = 1 if spec.traits == () else row_width(files)
    held = holdings_relation(holdings)
    held_weights = row_group_weights((*holdings.base, *holdings.deltas), "k")
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE decided "
        "(part INTEGER, code UTINYINT, k VARCHAR, place VARCHAR, source INTEGER, member_id VARCHAR, has_row BOOLEAN)"
    )
    if len(sources) == 1 and sources[0].plain:
        weights = row_group_weights(files, "member_id")
        keys = f"({sources[0].narrow})"
        count = _count(cursor, sources[0].whole.sql) if members is None else members
        ranges = key_ranges([weights, held_weights], width)
        return Sides(sources, keys, True, held, ranges, count, {}, refusals, width)
    left_out = _stage(cursor, sources, is_large=_members(files) > RANGE_ROWS)
    rows = _count(cursor, "wanted_keys")
    weights = _sampled(cursor, rows, RANGE_ROWS // width)
    ranges = key_ranges([weights, held_weights], width)
    return Sides(sources, "wanted_keys", False, held, ranges, rows, left_out, refusals, width)


def _stage(cursor: Cursor, sources: Sequence[Wanted], *, is_large: bool) -> dict[str, int]:
    """Compute all keys once, sorted if there are many. Returns the number of left-out members by reason."""
    union = " UNION ALL ".join(source.narrow for source in sources) or (
        "SELECT 0 AS source, '' AS member_id, '' AS owner, '' AS k, '' AS place, '' AS reason, 0::UBIGINT AS fp1 WHERE false"
    )
    order = "ORDER BY k" if is_large else ""
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE wanted_keys AS SELECT * FROM ({union}) AS keys {order}"
    )
    missed = left_out_keys("wanted_keys", sources)
    rows = cursor.execute(
        f"SELECT reason, count(DISTINCT member_id) FROM {missed} AS missed GROUP BY reason"
    ).fetchall()
    if rows or len(sources) > 1:
        cursor.execute("DELETE FROM wanted_keys WHERE reason IS NOT NULL")
    return dict(rows)


def _members(files: Sequence[Path]) -> int:
    """Return the number of members of all sources, or more: a delta may have members of its base."""
    return sum(int(pq.read_metadata(path).num_rows) for path in files)


def _sampled(cursor: Cursor, rows: int, most: int) -> list[tuple[str, int]]:
    if rows <= 2 * most:
        return [("", rows)]
    sample = cursor.execute(
        "SELECT k FROM wanted_keys USING SAMPLE 10000 ROWS (reservoir, 1) ORDER BY k"
    ).fetchall()
    return [(key, rows // len(sample)) for (key,) in sample]


def _count(cursor: Cursor, relation: str) -> int:
    return int(fetch_one(cursor, f"SELECT count(*) FROM {relation}")[0])
