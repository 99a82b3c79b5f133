"""What a sync sends: its batches with their attempts, and a sample of its plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.batch_states import BatchState
from app.domain.changes import ChangeKind
from app.services.platform import Platform, fetch_file
from app.services.revision import arms_at
from app.services.syncs import AttemptView, view_attempt
from app.snapshots.engine import PlannedChange, StoredFile
from app.snapshots.plans import read_plan
from app.storage.models import Sync
from app.storage.repositories.batch_log import BatchLogQueries
from app.storage.repositories.syncs import SyncRepository

MOST_READ = 10_000  # rows of a plan in which changes of one kind are sought


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch with its counts and attempts; ``kind`` is None if it has changes of all kinds. ``arms`` is empty without a split."""

    number: int
    kind: str | None
    arms: Sequence[str]  # of the split that write to its place; all of them, if they share one
    rows: int
    state: BatchState
    delivered: int
    rejected: int
    skipped: int
    attempts: Sequence[AttemptView]


@dataclass(frozen=True, slots=True)
class PlannedView:
    """A change of a plan: the profile, and its key at the destination."""

    kind: ChangeKind
    profile_id: str
    key: str
    key_type: str


async def page_batches(
    session: AsyncSession, sync: Sync, *, after: int, limit: int
) -> tuple[list[BatchView], int]:
    """Read the batches of a sync with a number above ``after``, in order, and the number of all."""
    space_id, sync_id = sync.space_id, sync.id
    queries = BatchLogQueries(session)
    found = await queries.page(space_id, sync_id, after=after, limit=limit)
    attempts = await queries.attempts(space_id, sync_id, [batch.number for batch in found])
    views = [
        BatchView(
            number=batch.number,
            kind=batch.kind,
            arms=arms_at(sync.spec or {}, batch.first_row),
            rows=batch.row_count,
            state=batch.state,
            delivered=batch.delivered,
            rejected=batch.rejected,
            skipped=batch.skipped,
            attempts=[view_attempt(attempt) for attempt in attempts[batch.number]],
        )
        for batch in found
    ]
    return views, await queries.count(space_id, sync_id)


async def sample_plan(
    platform: Platform,
    session: AsyncSession,
    space_id: str,
    activation_id: str,
    sync_id: str,
    *,
    kind: ChangeKind,
    most: int,
) -> Sequence[PlannedView]:
    """Return up to ``most`` changes of one kind of a plan. Returns none if the plan has ended and its file was removed."""
    sync = await SyncRepository(session).require_in(space_id, activation_id, sync_id)
    first = await _first_row(session, sync, kind)
    if sync.plan is None or first is None:
        return []
    path = await fetch_file(platform.objects, StoredFile(**sync.plan))
    rows = await platform.engine.run(read_plan, path, first, MOST_READ, lane="small")
    found: list[PlannedView] = []
    for row in rows:
        if row.kind == kind:
            found.append(_planned(row))
        if len(found) == most:
            break
    return found


async def _first_row(session: AsyncSession, sync: Sync, kind: ChangeKind) -> int | None:
    queries = BatchLogQueries(session)
    batch = await queries.first_of_kind(sync.space_id, sync.id, kind.value)
    batch = batch or await queries.first(sync.space_id, sync.id)
    return batch.first_row if batch is not None else None


def _planned(row: PlannedChange) -> PlannedView:
    return PlannedView(row.kind, row.profile_id, row.key, row.key_type)
