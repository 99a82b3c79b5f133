"""The receipts of a sync, read one page of its batches after another: a large sync has more of them than fit into memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from app.services.platform import Platform
from app.services.syncs.remarks import PARTS
from app.storage.models import Batch, Sync
from app.storage.repositories.batch_log import BatchLogQueries

MOST_ROWS = 50_000  # changes whose receipts are read at once
MOST_BATCHES = 1_000


async def batch_pages(platform: Platform, sync: Sync) -> AsyncIterator[Sequence[Batch]]:
    """Yield the batches of a sync in order, one page after another."""
    rows = max(1, (sync.plan or {}).get("rows", 0))
    limit = max(1, min(MOST_BATCHES, MOST_ROWS * sync.batches // rows))
    after, is_full = 0, True
    while is_full:
        async with platform.unit_of_work() as session:
            page = await BatchLogQueries(session).page(
                sync.space_id, sync.id, after=after, limit=limit
            )
        is_full = len(page) == limit
        if page:
            after = page[-1].number
            yield page


@dataclass(slots=True)
class Receipts:
    """What the receipts of a sync say together: counts of changes, and whether any has an id of the partner, or a remark."""

    delivered: int = 0
    rejected: int = 0
    skipped: int = 0
    have_ids: bool = False
    have_remarks: bool = False

    def take(self, batches: Sequence[Batch]) -> None:
        """Add the next batches."""
        for batch in batches:
            self.delivered += batch.delivered
            self.rejected += batch.rejected
            self.skipped += batch.skipped
            kept = batch.receipts or {}
            self.have_ids |= bool(kept.get("partnerIds"))
            self.have_remarks |= any(kept.get(part) for part in PARTS)
