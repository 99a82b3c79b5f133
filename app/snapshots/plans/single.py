"""Plans of one member: an entry, exit or update of its keys, independent of the holdings."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.domain.changes import ChangeKind
from app.snapshots.engine import (
    Cursor,
    FileFormat,
    LocalManifest,
    PlanSpec,
    PlanStats,
    Upload,
    copy_to,
    format_metadata,
    parquet_relation,
    sql_text,
)
from app.snapshots.holdings import holdings_relation
from app.snapshots.membership import members_relation, write_snapshot
from app.snapshots.plans.plan import write_plan
from app.snapshots.plans.shared_words import with_shared


def pick_member(
    cursor: Cursor, spec: PlanSpec, sources: Sequence[LocalManifest], profile_id: str, folder: Path
) -> list[LocalManifest]:
    """Write the sources with one member only: the one with this id, else the first of this profile.

    Returns an empty list if there is no such member.
    """
    member_id = _member_id(cursor, sources, profile_id)
    return [] if member_id is None else pick_rows(cursor, spec, sources, member_id, folder)


def pick_rows(
    cursor: Cursor, spec: PlanSpec, sources: Sequence[LocalManifest], member_id: str, folder: Path
) -> list[LocalManifest]:
    """Write the sources with the rows of one member id only, as a planner with this specification reads them."""
    picked = []
    for number, source in enumerate(sources):
        out = folder / f"source-{number}.parquet"
        whole = members_relation(cursor, source)
        query = f"SELECT * FROM {whole.sql} AS rows WHERE member_id = {sql_text(member_id)}"
        metadata = format_metadata(FileFormat.MEMBERS, marks=with_shared(cursor, whole, spec).marks)
        cursor.execute(copy_to(query, out, narrow=False, metadata=metadata))
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
    """Write a source from one row of NDJSON in the form of an upload. Raises Invalid for faults."""
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
    """Write the plan that sends all keys of the sources as one kind of change. ``spec`` sends every wanted key.

    The held state goes into the plan, as in any plan, so that the outcome can be folded. An exit of a held key has the
    identity that was sent.
    """
    entries = out.with_name(f"{out.name}.entries")
    try:
        stats = write_plan(cursor, spec, sources, LocalManifest(), entries)
        metadata = format_metadata(FileFormat.PLAN)
        query = _as_kind(entries, holdings, kind)
        cursor.execute(copy_to(query, out, narrow=False, metadata=metadata))
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    finally:
        entries.unlink(missing_ok=True)
    count = {ChangeKind.ENTERED: 0, kind: stats.entered}
    return replace(
        stats,
        entered=count[ChangeKind.ENTERED],
        exited=count.get(ChangeKind.EXITED, 0),
        updated=count.get(ChangeKind.UPDATED, 0),
        cuts=[replace(cut, kind=kind) for cut in stats.cuts],
    )


def _as_kind(entries: Path, holdings: LocalManifest, kind: ChangeKind) -> str:
    """Return the query of a plan of entries as changes of another kind, with the held state of their keys."""
    sent = kind is ChangeKind.EXITED
    identity = "coalesce(h.identity, p.identity)" if sent else "p.identity"
    return f"""SELECT p.* REPLACE ({sql_text(kind.value)} AS kind, {identity} AS identity,
            h.held AS old_held, h.fp1 AS old_fp1, h.fp1_refused AS old_refused,
            h.identity AS old_identity, h.member_id AS old_member_id,
            h.profile_id AS old_profile_id, h.partner_id AS partner_id, h.sync AS old_sync,
            h.filled AS old_filled, h.unknowns AS old_unknowns)
        FROM {parquet_relation([entries])} AS p LEFT JOIN {holdings_relation(holdings)} AS h ON h.k = p.k
        ORDER BY p.row"""
