"""Plans of one member: what a sync would send for it, made as an entry, an exit or an update whatever is held of it."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.domain.changes import ChangeKind
from app.snapshots.engine import (
    Cursor,
    LocalManifest,
    PlanSpec,
    PlanStats,
    Upload,
    copy_to,
    parquet_relation,
    sql_text,
)
from app.snapshots.holdings import holdings_relation
from app.snapshots.membership import members_relation, write_snapshot
from app.snapshots.plans.plan import write_plan

_NOTHING = LocalManifest()


def pick_member(
    cursor: Cursor, sources: Sequence[LocalManifest], profile_id: str, folder: Path
) -> list[LocalManifest]:
    """The same sources with one member in them: the one of this id, else the first of this profile; empty: nobody."""
    member_id = _member_id(cursor, sources, profile_id)
    if member_id is None:
        return []
    picked = []
    for number, source in enumerate(sources):
        out = folder / f"source-{number}.parquet"
        whole = members_relation(cursor, source)
        query = f"SELECT * FROM {whole.sql} AS rows WHERE member_id = {sql_text(member_id)}"
        cursor.execute(copy_to(query, out, narrow=False))
        picked.append(LocalManifest(base=(out,)))
    return picked


def _member_id(cursor: Cursor, sources: Sequence[LocalManifest], profile_id: str) -> str | None:
    found = []
    for source in sources:
        whole = members_relation(cursor, source)
        found += cursor.execute(
            f"""SELECT member_id <> $id AS other, member_id FROM {whole.sql} AS rows
            WHERE member_id = $id OR {whole.profile} = $id ORDER BY ALL LIMIT 1""",
            {"id": profile_id},
        ).fetchall()
    return str(min(found)[1]) if found else None


def write_sample(cursor: Cursor, row: Path, folder: Path, *, linked: bool) -> list[LocalManifest]:
    """A source out of one row of NDJSON, as an upload has it; ``Invalid`` names what is wrong in it."""
    out = folder / "sample.parquet"
    write_snapshot(cursor, Upload(row, "ndjson"), out, linked=linked)
    return [LocalManifest(base=(out,))]


def write_single_plan(
    cursor: Cursor,
    spec: PlanSpec,
    sources: Sequence[LocalManifest],
    holdings: LocalManifest,
    kind: ChangeKind,
    out: Path,
) -> PlanStats:
    """Write the plan that sends all of the sources as one kind of change, under a spec that sends every wanted key.

    What is held of the keys goes along, as in any plan, so that the end can be folded; an exit of a key that is held
    takes the identity that was sent.
    """
    entries = out.with_name(f"{out.name}.entries")
    try:
        stats = write_plan(cursor, spec, sources, _NOTHING, entries)
        identity = "p.identity"
        if kind is ChangeKind.EXITED:
            identity = "coalesce(h.identity, p.identity)"
        cursor.execute(
            copy_to(
                f"""SELECT p.* REPLACE ({sql_text(kind.value)} AS kind, {identity} AS identity,
                    h.held AS old_held, h.fp1 AS old_fp1, h.fp1_refused AS old_refused,
                    h.identity AS old_identity, h.member_id AS old_member_id,
                    h.profile_id AS old_profile_id, h.partner_id AS partner_id, h.sync AS old_sync)
                FROM {parquet_relation([entries])} AS p LEFT JOIN {holdings_relation(holdings)} AS h ON h.k = p.k
                ORDER BY p.row""",
                out,
                narrow=False,
            )
        )
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    finally:
        entries.unlink(missing_ok=True)
    counts = {ChangeKind.ENTERED: 0, ChangeKind.EXITED: 0, ChangeKind.UPDATED: 0}
    counts[kind] = stats.entered
    return replace(
        stats,
        entered=counts[ChangeKind.ENTERED],
        exited=counts[ChangeKind.EXITED],
        updated=counts[ChangeKind.UPDATED],
        cuts=[replace(cut, kind=kind) for cut in stats.cuts],
    )
