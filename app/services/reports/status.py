"""The status of an activation, with a note that explains why nothing was sent, and what happens next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.next_words import SourceFacts
from app.domain.run_states import RunState
from app.services.audiences import ComputedSource, computed_sources, newest_run
from app.services.reports.status_note import status_note
from app.storage.models import Activation, Sync
from app.storage.repositories.batch_counts import BatchCounts
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.places import PlaceRepository, SharerRow
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.syncs import SyncRepository


@dataclass(frozen=True, slots=True)
class OpenSync:
    """The open sync of an activation, and the counts of its batches; None before it is planned."""

    sync: Sync
    counts: BatchCounts | None
    #: Changes with a result in a minute, since the first batch. None before the first result.
    per_minute: int | None = None
    seconds_left: int | None = None  # until all changes have a result, at that rate


@dataclass(frozen=True, slots=True)
class ActivationStatus:
    """The status of an activation. ``note`` explains why nothing was sent, and what happens next."""

    activation: Activation
    open_sync: OpenSync | None
    revision: int
    delivered_revision: int | None
    note: str
    sources: Sequence[SourceFacts]
    shared_with: Sequence[SharerRow]  # other activations that write to the same place now


async def activation_status(
    session: AsyncSession, activation: Activation, now: datetime
) -> ActivationStatus:
    """Read the status of an activation."""
    repository = SyncRepository(session)
    sync = await repository.open_of(activation.space_id, activation.id)
    open_sync = None
    if sync is not None:
        counts = await BatchRepository(session).counts(activation.space_id, [sync.id])
        open_sync = _open_sync(sync, counts.get(sync.id), now)
    last = await repository.last_planned(activation.space_id, activation.id)
    revisions = RevisionRepository(session)
    sources = await source_facts(session, activation)
    return ActivationStatus(
        activation,
        open_sync,
        revision=await revisions.newest_number(activation.space_id, activation.id),
        delivered_revision=await revisions.delivered(activation.space_id, activation.id),
        note=await status_note(session, activation, sources, sync, last, now),
        sources=sources,
        shared_with=await _shared_with(session, activation),
    )


def _open_sync(sync: Sync, counts: BatchCounts | None, now: datetime) -> OpenSync:
    """Return an open sync with its rate so far, and the time that is left at this rate."""
    done = counts.delivered + counts.rejected + counts.skipped if counts else 0
    seconds = (now - sync.started_at).total_seconds() if sync.started_at else 0
    if not done or seconds <= 0:
        return OpenSync(sync, counts)
    left = max(sync.planned - done, 0)
    return OpenSync(sync, counts, round(done / seconds * 60), math.ceil(left * seconds / done))


async def source_facts(session: AsyncSession, activation: Activation) -> Sequence[SourceFacts]:
    """Return what is known of the audiences of an activation, in their order."""
    return [await _facts(session, source) for source in await computed_sources(session, activation)]


async def _facts(session: AsyncSession, source: ComputedSource) -> SourceFacts:
    audience, snapshot_id = source.audience, source.audience.snapshot_id
    snapshot = None
    if snapshot_id is not None:
        snapshot = await SnapshotRepository(session).get(audience.space_id, snapshot_id)
    due = [(one.next_due_at, one.id) for one in source.schedules if one.next_due_at is not None]
    next_run_at, schedule_id = min(due, default=(None, None))
    return SourceFacts(
        audience.name,
        audience.id,
        source.computed_by,
        snapshot.as_of if snapshot is not None else None,
        schedule_id,
        next_run_at,
        await _fault(session, source) if snapshot_id is None else None,
    )


async def _fault(session: AsyncSession, source: ComputedSource) -> str | None:
    """Return why the newest run of an audience failed; None if it did not fail, or if there is none."""
    run = await newest_run(session, source.audience.space_id, source.audience.id)
    if run is None or run.state != RunState.FAILED:
        return None
    return str((run.error or {}).get("message") or f"see the run {run.id}.")


async def _shared_with(session: AsyncSession, activation: Activation) -> list[SharerRow]:
    """Return the other activations at the places of an activation, each once. They are recorded at saves and plans."""
    rows = await PlaceRepository(session).sharers(activation.space_id, activation.id)
    return list({row.activation_id: row for row in rows if row.current}.values())
