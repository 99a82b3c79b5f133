"""Memberships of one profile: its row in an audience now, and when it entered and left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import to_wire
from app.services.platform import Platform, fetch_manifest
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
) -> dict[str, Any]:
    """Build ``{audienceId, snapshotId, asOf, member, row, history, historyStoppedAt}`` of a profile.

    ``history``: the snapshots with which the profile entered or left, newest first. ``historyStoppedAt``: the newest
    snapshot that the read budget does not reach, or None.
    """
    current = snapshots[0] if snapshots else None
    rows: dict[str, Mapping[str, Any] | None] = {}
    stopped: Snapshot | None = None
    for one in snapshots:
        if one is not current and not await search.reaches(Manifest.from_json(one.manifest).files):
            stopped = one
            break
        rows[one.id] = await _row(platform, one, profile_id)
    row = rows[current.id] if current else None
    return {
        "audienceId": audience.id,
        "snapshotId": current.id if current else None,
        "asOf": to_wire(current.as_of) if current else None,
        "member": row is not None,
        "row": row
        and {
            "id": row["member_id"],
            "profileId": row["profile_id"],
            "identifiers": row["identifiers"],
            "traits": row["traits"],
            "entities": row["entities"],
        },
        "history": _turns([(one, rows[one.id] is not None) for one in snapshots if one.id in rows]),
        "historyStoppedAt": stopped and {"snapshotId": stopped.id, "asOf": to_wire(stopped.as_of)},
    }


async def _row(platform: Platform, snapshot: Snapshot, profile_id: str) -> dict[str, Any] | None:
    local = await fetch_manifest(platform.objects, Manifest.from_json(snapshot.manifest))
    return await platform.engine.run(find_row, local, profile_id, lane="small")


def _turns(found: Sequence[tuple[Snapshot, bool]]) -> list[dict[str, Any]]:
    """Return the snapshots at which membership changed, newest first; the oldest one counts if it has the profile."""
    turns = []
    before = False
    for snapshot, member in sorted(found, key=lambda one: one[0].version):
        if member != before:
            turns.append(
                {"snapshotId": snapshot.id, "asOf": to_wire(snapshot.as_of), "member": member}
            )
        before = member
    return turns[::-1]
