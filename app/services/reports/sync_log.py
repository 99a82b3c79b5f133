"""The log of all syncs of a space, and the newest syncs of each activation in figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import Page, PageRequest, make_page
from app.storage.repositories.batch_counts import BatchCounts
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.sync_log import LoggedSync, RecentSync, SoughtSyncs, SyncLogQueries

__all__ = ["LoggedSync", "RecentSync", "SoughtSyncs", "page_sync_log", "recent_syncs"]

RECENT = 14


async def page_sync_log(
    session: AsyncSession, space_id: str, sought: SoughtSyncs, request: PageRequest
) -> tuple[Page[LoggedSync], Mapping[str, BatchCounts]]:
    """Read a page of the log, newest first, and the progress of its open syncs: ``{sync id: counts}``."""
    queries = SyncLogQueries(session)
    position = request.position()
    found = await queries.walk(space_id, sought, position, request.count + 1)
    total = await queries.count(space_id, sought)
    page = make_page(
        found, request=request, position=position, key=lambda row: (row.sync.id,), total=total
    )
    under_way = [row.sync.id for row in page.entries if row.sync.finished_at is None]
    return page, await BatchRepository(session).counts(space_id, under_way) if under_way else {}


async def recent_syncs(
    session: AsyncSession, space_id: str, activation_ids: Sequence[str], most: int = RECENT
) -> Mapping[str, Sequence[RecentSync]]:
    """Return the newest syncs of activations, oldest first: ``{activation id: syncs}``. Dry runs and test sends are left out."""
    if not activation_ids:
        return {}
    return await SyncLogQueries(session).recent(space_id, activation_ids, most)
