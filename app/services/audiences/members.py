"""Members of an audience in its current snapshot: pages of them, and looking up one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid
from app.core.pagination import Page, PageRequest, Position
from app.services.platform import (
    Platform,
    fetch_manifest,
)
from app.snapshots.engine import Manifest
from app.snapshots.membership import find_row, page_rows
from app.storage.models import Audience, Snapshot
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.snapshots import SnapshotRepository

_LOOKED_BACK = 50  # snapshots that are searched for the one in which a member entered


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether a profile or entity is a member now.

    ``since`` is exact unless the member is in all snapshots that are kept and searched.
    """

    id: str
    snapshot: Snapshot | None
    member: Mapping[str, Any] | None
    since: Snapshot | None
    since_is_exact: bool


async def page_members(
    platform: Platform, *, space_id: str, audience_id: str, request: PageRequest
) -> tuple[Page[Mapping[str, Any]], Snapshot | None]:
    """Return a page of members ordered by id, each ``{"member_id": …, "profile_id": …, …}``, and its snapshot.

    The cursor names the snapshot, so that all pages come from one.
    """
    position = request.position(width=2)
    async with platform.unit_of_work() as session:
        audience = await AudienceRepository(session).require(space_id, audience_id)
        wanted = position.key[0] if position.key else audience.snapshot_id
        snapshot = await _snapshot(session, audience, wanted)
    if snapshot is None:
        return Page([], current=position.encode(), total=0), None
    local = await fetch_manifest(platform.objects, Manifest.from_json(snapshot.manifest))
    after = unquote(position.key[1]) if position.key else None
    rows = await platform.engine.run(page_rows, local, after, request.count + 1, lane="small")
    return _page(rows, snapshot, position, request.count), snapshot


def _page(
    rows: Sequence[Mapping[str, Any]], snapshot: Snapshot, position: Position, count: int
) -> Page[Mapping[str, Any]]:
    entries = list(rows[:count])
    following = None
    if len(rows) > count:
        # Ids may contain any character, cursors only plain ones.
        last = quote(entries[-1]["member_id"], safe="")
        following = Position("after", (snapshot.id, last)).encode()
    return Page(entries, current=position.encode(), next=following, total=snapshot.row_count)


async def find_member(
    platform: Platform, *, space_id: str, audience_id: str, profile_id: str
) -> Membership:
    """Look up a profile (or entity) in an audience: its row, and the snapshot in which it entered."""
    async with platform.unit_of_work() as session:
        audience = await AudienceRepository(session).require(space_id, audience_id)
        snapshot = await _snapshot(session, audience, audience.snapshot_id)
        if snapshot is None:
            return Membership(profile_id, None, None, None, True)
        earlier = await SnapshotRepository(session).newest(
            space_id, audience_id, before=snapshot.version, limit=_LOOKED_BACK
        )
    member = await _look_up(platform, snapshot, profile_id)
    if member is None:
        return Membership(profile_id, snapshot, None, None, True)
    since = snapshot
    for older in earlier:
        if await _look_up(platform, older, profile_id) is None:
            # Of history that has thinned out, not every snapshot is kept.
            is_next = since.version == older.version + 1
            return Membership(profile_id, snapshot, member, since, is_next)
        since = older
    return Membership(profile_id, snapshot, member, since, since.version == 1)


async def _look_up(
    platform: Platform, snapshot: Snapshot, profile_id: str
) -> Mapping[str, Any] | None:
    local = await fetch_manifest(platform.objects, Manifest.from_json(snapshot.manifest))
    return await platform.engine.run(find_row, local, profile_id, lane="small")


async def _snapshot(
    session: AsyncSession, audience: Audience, snapshot_id: str | None
) -> Snapshot | None:
    if snapshot_id is None:
        return None
    snapshot = await SnapshotRepository(session).get(audience.space_id, snapshot_id)
    if snapshot is None or snapshot.audience_id != audience.id:
        raise Invalid("the cursor's snapshot is gone; begin anew", field="pagination.cursor")
    return snapshot
