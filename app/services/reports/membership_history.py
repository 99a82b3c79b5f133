"""Memberships of one profile: whether it is in an audience now and with what, and when it came and went."""

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

LOOKED_INTO = 20  # snapshots of an audience, the newest


async def snapshots_of(session: AsyncSession, audience: Audience) -> Sequence[Snapshot]:
    """The newest snapshots, the one that activations read first; empty where there is none."""
    if audience.snapshot_id is None:
        return []
    read = await SnapshotRepository(session).get(audience.space_id, audience.snapshot_id)
    newest = await SnapshotRepository(session).newest(
        audience.space_id, audience.id, before=None, limit=LOOKED_INTO
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
    """``{audienceId, snapshotId, asOf, member, row, history, historyStoppedAt}`` in the form of the wire.

    ``history``: of the snapshots that are kept, newest first, those in which the profile is for the first time or no
    longer. ``historyStoppedAt``: the newest snapshot beyond the search's reach, or None.
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
    """Where membership turned, newest first; the oldest snapshot is told where the profile is in it."""
    turns = []
    before = False
    for snapshot, member in sorted(found, key=lambda one: one[0].version):
        if member != before:
            turns.append(
                {"snapshotId": snapshot.id, "asOf": to_wire(snapshot.as_of), "member": member}
            )
        before = member
    return turns[::-1]
