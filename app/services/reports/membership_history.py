"""Memberships of one profile: its row in an audience now, and when it entered and left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.services.platform import Platform, fetch_manifest
from app.services.reports.explanation import (
    MemberRow,
    Membership,
    MembershipChange,
    UnsearchedSnapshot,
)
from app.services.reports.read_budget import ReadBudget
from app.snapshots.engine import Manifest
from app.snapshots.membership import find_row
from app.storage.models import Audience, Snapshot
from app.storage.repositories.snapshots import SnapshotRepository

SEARCHED = 20  # newest snapshots of an audience


async def snapshots_of(session: AsyncSession, audience: Audience) -> Sequence[Snapshot]:
    """Return the newest snapshots, the current one first; empty if there is none."""
    if audience.snapshot_id is None:
        return []
    read = await SnapshotRepository(session).get(audience.space_id, audience.snapshot_id)
    newest = await SnapshotRepository(session).newest(
        audience.space_id, audience.id, before=None, limit=SEARCHED
    )
    others = [one for one in newest if one.id != audience.snapshot_id]
    return [read, *others] if read is not None else others


async def membership_history(
    platform: Platform,
    audience: Audience,
    snapshots: Sequence[Snapshot],
    profile_id: str,
    search: ReadBudget,
) -> Membership:
    """Read the membership of a profile in one audience, back to the snapshot that the read budget does not reach."""
    current = snapshots[0] if snapshots else None
    rows: dict[str, Mapping[str, Any] | None] = {}
    stopped: Snapshot | None = None
    for one in snapshots:
        if one is not current and not await search.reaches(Manifest.from_json(one.manifest).files):
            stopped = one
            break
        rows[one.id] = await _row(platform, one, profile_id)
    row = rows[current.id] if current else None
    return Membership(
        audience_id=audience.id,
        snapshot_id=current.id if current else None,
        as_of=current.as_of if current else None,
        row=member_row(row) if row else None,
        history=_changes([(one, rows[one.id] is not None) for one in snapshots if one.id in rows]),
        history_stopped_at=UnsearchedSnapshot(stopped.id, stopped.as_of) if stopped else None,
    )


def member_row(row: Mapping[str, Any]) -> MemberRow:
    """Return a row of a snapshot as a value."""
    return MemberRow(
        id=row["member_id"],
        profile_id=row["profile_id"],
        identifiers=row["identifiers"],
        traits=row["traits"],
        entities=row["entities"],
    )


async def _row(platform: Platform, snapshot: Snapshot, profile_id: str) -> dict[str, Any] | None:
    local = await fetch_manifest(platform.objects, Manifest.from_json(snapshot.manifest))
    return await platform.engine.run(find_row, local, profile_id, lane="small")


def _changes(found: Sequence[tuple[Snapshot, bool]]) -> list[MembershipChange]:
    """Return the snapshots at which membership changed, newest first; the oldest one counts if it has the profile."""
    changes = []
    before = False
    for snapshot, member in sorted(found, key=lambda one: one[0].version):
        if member != before:
            changes.append(MembershipChange(snapshot.id, snapshot.as_of, member))
        before = member
    return changes[::-1]
