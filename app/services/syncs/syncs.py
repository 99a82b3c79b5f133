"""Syncs for users: start, approve, cancel, retry, and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict, Invalid
from app.domain.activation_states import ActivationState
from app.domain.options import brake_of, with_brake
from app.domain.sync_states import SyncState
from app.services.platform import wake_deliver
from app.services.syncs import lifecycle
from app.services.syncs.retried_reasons import retried_reason
from app.services.tenancy import record_event
from app.storage.models import Activation, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.batch_counts import BatchCounts
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.pins import PinRepository
from app.storage.repositories.syncs import SyncRepository


@dataclass(frozen=True, slots=True)
class SyncView:
    """A sync with its progress and the snapshots that it was planned from."""

    sync: Sync
    counts: BatchCounts | None
    snapshots: dict[str, str]

    @property
    def delivered(self) -> int:
        """Number of delivered changes; while the sync is in progress, by its batches."""
        return self._done.delivered

    @property
    def rejected(self) -> int:
        """Number of changes that the destination refused."""
        return self._done.rejected

    @property
    def skipped(self) -> int:
        """Number of changes that the service did not send."""
        return self._done.skipped

    @property
    def pending(self) -> int:
        """Number of planned changes without a result."""
        return self.sync.planned - self.delivered - self.rejected - self.skipped

    @property
    def _done(self) -> Sync | BatchCounts:
        under_way = self.sync.finished_at is None and self.counts is not None
        return self.counts if under_way and self.counts is not None else self.sync


@dataclass(frozen=True, slots=True)
class SyncRejections:
    """Refused changes of a sync: counts by code, and up to 100 samples as stored."""

    counts: dict[str, Any]
    samples: list[Any]


# Commands


async def start_sync(
    session: AsyncSession,
    activation: Activation,
    *,
    kind: str,
    dry_run: bool,
    actor: str,
) -> Sync:
    """Start a sync, a resync or a dry run. Returns the sync that does it.

    Raises NotFound if the activation does not exist; Conflict if the audience was never computed, the activation is
    not active, or a test send is open.
    """
    locked = await ActivationRepository(session).require_any(
        activation.space_id, activation.id, lock="update"
    )
    if not await lifecycle.all_have_snapshots(session, locked):
        raise Conflict(
            "The audience has not been computed yet; force a run or upload its members first."
        )
    if dry_run:
        dry = await _open_dry_run(session, locked, resync=kind == "resync", actor=actor)
        await _record(session, locked, dry, "Sync Started", actor)
        return dry
    if not lifecycle.is_at_work(locked):
        raise Conflict(_why_idle(locked))
    return await _start(session, locked, kind=kind, actor=actor)


async def _start(session: AsyncSession, locked: Activation, *, kind: str, actor: str) -> Sync:
    """Open a sync, or return the running one, which the new one follows."""
    if kind == "resync":
        locked.resync_wanted += 1
        # A resync sends all: no member is to be taken as already held.
        locked.baseline_wanted = False
    opened = await lifecycle.open_sync(session, locked, trigger="api", actor=actor)
    if opened is not None:
        await _record(session, locked, opened, "Sync Started", actor)
        return opened
    running = await SyncRepository(session).open_of(locked.space_id, locked.id)
    assert running is not None  # noqa: S101  open_sync returns None only if one is open
    if running.kind == "test":
        raise Conflict(
            "A test send is under way; try again when it has ended.", data={"syncId": running.id}
        )
    if kind == "resync":
        await _record(session, locked, running, "Sync Started", actor)
    return running


async def _open_dry_run(
    session: AsyncSession, activation: Activation, *, resync: bool, actor: str
) -> Sync:
    # It is planned like the next sync, which is a resync if one is still wanted.
    kind = "resync" if resync else lifecycle.next_kind(activation)
    trigger = kind if kind in ("resync", "baseline") else "api"
    return await lifecycle.create_sync(
        session, activation, kind="dry_run", trigger=trigger, actor=actor
    )


def _why_idle(activation: Activation) -> str:
    if activation.state == ActivationState.ERROR:
        message = (activation.last_error or {}).get("message", "")
        return f"The activation is paused by an error: {message} Fix the cause, then enable the activation again."
    return "The activation is not enabled; enable it first, or request a dry run."


async def cancel_sync(
    session: AsyncSession,
    space_id: str,
    activation_id: str,
    sync_id: str,
    *,
    actor: str,
) -> Sync:
    """Cancel an open sync; for one on hold, this rejects its plan. What was sent stays in the holdings.

    Raises Conflict if the sync has ended.
    """
    activation, sync = await _locked(session, space_id, activation_id, sync_id)
    if not sync.state.is_open:
        raise Conflict(f"The sync has ended: it is {sync.state}.")
    if sync.closing is not None:
        return sync
    if sync.kind == "resync":
        # Otherwise the next sync would be this resync again.
        activation.resync_done = max(activation.resync_done, sync.resync_generation)
    await lifecycle.close_sync(
        session, sync, closing=SyncState.CANCELLED, error={"message": "Cancelled.", "by": actor}
    )
    await _record(session, activation, sync, "Sync Cancelled", actor)
    return sync


async def approve_sync(
    session: AsyncSession,
    space_id: str,
    activation_id: str,
    sync_id: str,
    *,
    actor: str,
    now: datetime,
    limits: Mapping[str, Any] | None = None,
    exits: int | None = None,
) -> Sync:
    """Let the plan of a sync on hold be sent, and set the activation's brake to ``limits`` if they are given.

    ``limits`` is JSON of the wire: ``{enabled, maxRemovalPercent, minRemovals, holdEmptyFrom}``, each optional. Raises
    Conflict if the sync is not on hold, or was superseded, or if the plan has not the number of ``exits`` that is given;
    Invalid if a limit is not valid.
    """
    activation, sync = await _locked(session, space_id, activation_id, sync_id)
    if sync.state == SyncState.SUPERSEDED:
        raise Conflict("This plan was superseded by a newer one; see the open sync.")
    if sync.state != SyncState.HELD:
        raise Conflict(f"Only a sync on hold can be approved; this one is {sync.state}.")
    if exits is not None and exits != sync.exited:
        raise Conflict(
            f"The plan has {sync.exited:,} exits, not {exits:,}; nothing was approved.",
            field="exits",
        )
    fields: dict[str, Any] = {}
    if limits is not None:
        options = with_brake(activation.options, limits)
        if isinstance(options, list):
            raise Invalid("the limits of the brake do not fit", problems=options)
        fields = {"before": _brake(activation.options), "after": _brake(options)}
        activation.options, activation.updated_at = options, now
    lifecycle.set_state(sync, SyncState.PENDING)
    sync.approved_by = actor
    await session.flush()
    wake_deliver(session, sync)
    await _record(session, activation, sync, "Sync Approved", actor, **fields)
    return sync


async def retry_sync(
    session: AsyncSession,
    space_id: str,
    activation_id: str,
    sync_id: str,
    *,
    actor: str,
    reason: str | None = None,
) -> Sync:
    """Open a sync that sends once more what the destination refused; with a ``reason``, what this sync had rejected for it.

    Raises Conflict if none can be opened now, or if this sync's outcome is no longer kept, and Invalid for a reason that it does not
    have; the message names those that it has.
    """
    repository = SyncRepository(session)
    activation = await ActivationRepository(session).get_any(space_id, activation_id, lock="update")
    sync = await repository.require_in(space_id, activation_id, sync_id)
    assert activation is not None  # noqa: S101  a foreign key of the sync
    retried = [] if reason is None else [retried_reason(sync, reason)]
    if not lifecycle.is_at_work(activation):
        raise Conflict(_why_idle(activation))
    opened = await lifecycle.open_sync(
        session,
        activation,
        trigger="retry",
        actor=actor,
        retry_refused=reason is None,
        retried=retried,
    )
    if opened is None:
        raise Conflict("A sync is running; retry when it has ended.")
    after = {"reason": reason} if reason is not None else None
    await _record(session, activation, sync, "Sync Retried", actor, after=after)
    return opened


async def _locked(
    session: AsyncSession, space_id: str, activation_id: str, sync_id: str
) -> tuple[Activation, Sync]:
    """Lock an activation and one of its syncs, in this order (R7)."""
    activation = await ActivationRepository(session).get_any(space_id, activation_id, lock="update")
    sync = await SyncRepository(session).require_in(space_id, activation_id, sync_id, lock="update")
    assert activation is not None  # noqa: S101  a foreign key of the sync
    return activation, sync


def _brake(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits of the activation's brake for the audit trail."""
    return {"deliveryOptions": {"brake": brake_of(options).to_json()}}


async def _record(
    session: AsyncSession,
    activation: Activation,
    sync: Sync,
    event: str,
    actor: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    await record_event(
        session,
        space_id=sync.space_id,
        type=event,
        actor=actor,
        resource_type="sync",
        resource_id=sync.id,
        resource_name=f"{activation.name}, sync {sync.number}",
        before=before,
        after=after,
    )


# Reads


async def list_syncs(
    session: AsyncSession, space_id: str, activation_id: str, *, before: str | None, limit: int
) -> tuple[Sequence[SyncView], int]:
    """Read a page of syncs, newest first, and the number of all."""
    repository = SyncRepository(session)
    page = await repository.list(space_id, activation_id, before=before, limit=limit)
    views = await _views(session, space_id, page)
    return views, await repository.count(space_id, activation_id)


async def newest_dry_run(session: AsyncSession, space_id: str, activation_id: str) -> Sync | None:
    """Read the newest dry run of an activation, however many syncs came after it."""
    return await SyncRepository(session).newest_dry_run(space_id, activation_id)


async def get_sync(
    session: AsyncSession, space_id: str, activation_id: str, sync_id: str
) -> SyncView:
    """Read a sync with its progress. Raises NotFound if it does not exist."""
    sync = await SyncRepository(session).require_in(space_id, activation_id, sync_id)
    return (await _views(session, space_id, [sync]))[0]


async def _views(session: AsyncSession, space_id: str, page: Sequence[Sync]) -> list[SyncView]:
    counts = await BatchRepository(session).counts(space_id, [sync.id for sync in page])
    return await view_syncs(session, space_id, page, counts)


async def view_syncs(
    session: AsyncSession,
    space_id: str,
    page: Sequence[Sync],
    counts: Mapping[str, BatchCounts],
) -> list[SyncView]:
    """Add the snapshots that syncs were planned from, and their progress in ``counts``, which is ``{sync id: counts}``."""
    snapshots = await PinRepository(session).pinned_by_each(space_id, [sync.id for sync in page])
    return [SyncView(sync, counts.get(sync.id), snapshots[sync.id]) for sync in page]


async def sync_rejections(
    session: AsyncSession, space_id: str, activation_id: str, sync_id: str
) -> SyncRejections:
    """Read why changes of a sync were refused."""
    view = await get_sync(session, space_id, activation_id, sync_id)
    stored = view.sync.rejections or {"counts": {}, "samples": []}
    return SyncRejections(stored["counts"], stored["samples"])
