"""The life of a sync: what opens it, what supersedes it, and what closes it; the owner of its state."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.domain.activation_states import ActivationState
from app.domain.options import frequency_of
from app.domain.sync_states import SyncKind, SyncState
from app.services.platform import MAX_LOST_LEASES, wake_plan, wake_settle
from app.services.syncs import one_time, pins
from app.services.syncs.retried_reasons import Retried, all_retried
from app.services.syncs.staleness import is_due
from app.storage.models import Activation, Destination, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository

# What opens a sync


async def snapshot_changed(
    session: AsyncSession, space_id: str, audience_id: str, *, actor: str, trigger: str
) -> list[Sync]:
    """Open a sync for each activation that follows the runs of an audience, which has a new snapshot.

    Called with the audience's row locked (R7: audience, then activation, then sync).
    """
    opened = []
    for activation in await ActivationRepository(session).reading(
        space_id, audience_id, lock="update"
    ):
        if (
            is_at_work(activation)
            and frequency_of(activation.options).follows_runs
            and await all_have_snapshots(session, activation)
        ):
            sync = await open_sync(session, activation, trigger=trigger, actor=actor)
            if sync is not None:
                opened.append(sync)
    return opened


async def configuration_changed(
    session: AsyncSession, activation: Activation, *, resync: bool, actor: str
) -> Sync | None:
    """Open, supersede or close the sync of an activation that was created, changed, enabled or disabled.

    Called with the row of the activation locked, or new in this transaction.
    """
    await session.flush()
    if not is_at_work(activation):
        await close_open(
            session, activation, closing=SyncState.CANCELLED, reason="The activation was stopped."
        )
        return None
    await _settle_again(session, activation)
    computed = await _computed(session, activation)
    if not all(computed):
        await _supersede_unsent(session, activation)
        # A baseline takes the current members as sent. If no audience has been computed, there are none, and the first
        # snapshot enters (docs/architecture.md, “What a plan decides”).
        if next_kind(activation) != "baseline" or not any(computed):
            activation.baseline_wanted = False
            return None
    is_now = resync and not await one_time.waits(session, activation)
    if is_now or await is_due(session, activation):
        trigger = "resync" if resync else "configuration"
        return await open_sync(session, activation, trigger=trigger, actor=actor)
    return None


async def lock_account(session: AsyncSession, space_id: str, destination_id: str) -> None:
    """Lock the activations of an account and their open syncs; the account's row is locked after them (R7)."""
    repository = SyncRepository(session)
    for activation in await ActivationRepository(session).of_destination(
        space_id, destination_id, lock="update"
    ):
        await repository.open_of(space_id, activation.id, lock="update")


async def account_healed(session: AsyncSession, destination: Destination, *, actor: str) -> None:
    """Close the breaker of an account after a passed check or new settings, and activate what it had paused.

    Called with the account's activations locked by :func:`lock_account`, and then its row.
    """
    destination.open_until, destination.breaker = None, None
    await session.flush()
    for activation in await ActivationRepository(session).of_destination(
        destination.space_id, destination.id, lock="update"
    ):
        if (
            activation.state == ActivationState.ERROR
            and (activation.last_error or {}).get("pausedBy") == "account"
        ):
            activation.state = ActivationState.ACTIVE
            activation.failing_since = None
            await configuration_changed(session, activation, resync=False, actor=actor)


async def open_sync(
    session: AsyncSession,
    activation: Activation,
    *,
    trigger: str,
    actor: str,
    retry_refused: bool = False,
    retried: Retried = (),
) -> Sync | None:
    """Open the next sync of a locked activation. Returns None if the open sync must settle first.

    An open sync that is new is returned: it will plan from the newest snapshots. One that has sent nothing is
    superseded. A running one, a test send, and a baseline that is still wanted must settle first.
    """
    repository = SyncRepository(session)
    current = await repository.open_of(activation.space_id, activation.id, lock="update")
    is_awaited = current is not None and (
        current.kind == "test"
        or (current.kind == "baseline" and next_kind(activation) == "baseline")
    )
    if current is not None and not is_awaited and current.closing is None:
        if current.state == SyncState.NEW:
            await _extend(session, activation, current, retry_refused, retried)
            wake_plan(session, current)
            return current
        if current.state.is_unsent:
            retry_refused = retry_refused or current.retry_refused
            retried = all_retried(current.retried, retried) or ()
            await _supersede(session, current)
            current = None
    if current is not None:
        return None
    return await create_sync(
        session,
        activation,
        kind=next_kind(activation),
        trigger=trigger,
        actor=actor,
        retry_refused=retry_refused,
        retried=retried,
    )


async def _extend(
    session: AsyncSession, activation: Activation, sync: Sync, retry_refused: bool, retried: Retried
) -> None:
    """Update what an unplanned sync must do; if that changes, a plan in progress can no longer be stored."""
    before = (sync.kind, sync.resync_generation, sync.retry_refused, sync.retried)
    sync.kind = next_kind(activation)
    sync.resync_generation = activation.resync_wanted
    sync.retry_refused = sync.retry_refused or retry_refused
    sync.retried = all_retried(sync.retried, retried)
    if before != (sync.kind, sync.resync_generation, sync.retry_refused, sync.retried):
        _revoke_lease(sync)
    await session.flush()


def _revoke_lease(sync: Sync) -> None:
    """Revoke the lease: the worker that plans or settles the sync can no longer write its result (R9)."""
    sync.lease_token += 1
    sync.lease_owner, sync.lease_until = None, None


async def replace_sync(session: AsyncSession, activation: Activation, sync: Sync) -> Sync:
    """Replace a locked sync that has sent nothing by a new one."""
    await _supersede(session, sync)
    return await create_sync(
        session,
        activation,
        kind=next_kind(activation),
        trigger="newer",
        actor=sync.opened_by,
        retry_refused=sync.retry_refused,
        retried=sync.retried or (),
    )


async def create_sync(
    session: AsyncSession,
    activation: Activation,
    *,
    kind: str,
    trigger: str,
    actor: str,
    retry_refused: bool = False,
    retried: Retried = (),
) -> Sync:
    """Open a sync for a locked activation, under its next number, and enqueue its planning."""
    sync = _new_sync(activation, kind, trigger, actor, retry_refused)
    sync.retried = all_retried(None, retried)
    session.add(sync)
    await session.flush()
    if kind == "baseline":
        await pins.pin_snapshots(session, sync)
    elif kind != "dry_run":
        # A new sync probes an account whose credentials were refused once more.
        await DestinationRepository(session).half_open(sync.space_id, sync.destination_id)
    await session.refresh(sync)
    one_time.end_with(activation, sync)
    wake_plan(session, sync)
    return sync


def _new_sync(
    activation: Activation, kind: str, trigger: str, actor: str, retry_refused: bool
) -> Sync:
    activation.sync_number += 1
    return Sync(
        space_id=activation.space_id,
        id=new_id("syn"),
        activation_id=activation.id,
        destination_id=activation.destination_id,
        number=activation.sync_number,
        kind=kind,
        trigger=trigger,
        state=SyncState.NEW,
        resync_generation=activation.resync_wanted,
        retry_refused=retry_refused,
        opened_by=actor,
    )


def next_kind(activation: Activation) -> SyncKind:
    """Return the kind of an activation's next sync: a resync or baseline that is still wanted, else incremental."""
    if activation.resync_wanted > activation.resync_done:
        return SyncKind.RESYNC
    return SyncKind.BASELINE if activation.baseline_wanted else SyncKind.INCREMENTAL


async def _supersede(session: AsyncSession, sync: Sync) -> None:
    set_state(sync, SyncState.SUPERSEDED)
    _revoke_lease(sync)
    sync.finished_at = await RunRepository(session).database_now()
    await session.flush()
    await BatchRepository(session).drop(sync.space_id, sync.id)


async def _supersede_unsent(session: AsyncSession, activation: Activation) -> None:
    """Supersede an open sync that has sent nothing, when a new one cannot be planned yet."""
    repository = SyncRepository(session)
    sync = await repository.open_of(activation.space_id, activation.id, lock="update")
    if sync is None or sync.kind in ("test", "baseline") or sync.closing is not None:
        return
    if sync.state.is_unsent:
        await _supersede(session, sync)


async def all_have_snapshots(session: AsyncSession, activation: Activation) -> bool:
    """Check whether every source has been computed: an audience without a snapshot is not an empty one."""
    return all(await _computed(session, activation))


async def _computed(session: AsyncSession, activation: Activation) -> list[bool]:
    """Return for each source whether it has a snapshot."""
    audiences = await AudienceRepository(session).sources_of(activation.space_id, activation.id)
    return [audience.snapshot_id is not None for audience in audiences]


def is_at_work(activation: Activation) -> bool:
    """Check whether an activation sends: enabled, not paused by an error, not deleted."""
    return (
        activation.enabled
        and activation.state == ActivationState.ACTIVE
        and activation.deleted_at is None
    )


def set_state(sync: Sync, state: SyncState) -> None:
    """Set the state of a locked sync: the only place that does. Raises ValueError if the transition is not allowed."""
    if not sync.state.can_become(state):
        raise ValueError(f"sync {sync.id} cannot become {state} from {sync.state}")
    sync.state = state


async def write_state(session: AsyncSession, sync: Sync, state: SyncState, **values: Any) -> bool:
    """Set the state of a sync, and other columns, under the lease token of ``sync``.

    Returns False if the lease was lost; then nothing was written. Raises ValueError if the transition is not allowed.
    """
    if state != sync.state and not sync.state.can_become(state):
        raise ValueError(f"sync {sync.id} cannot become {state} from {sync.state}")
    return await SyncRepository(session).fenced(
        sync.space_id, sync.id, sync.lease_token, state=state, **values
    )


# What closes a sync


async def close_open(
    session: AsyncSession,
    activation: Activation,
    *,
    closing: SyncState,
    reason: str,
    error: dict[str, Any] | None = None,
) -> Sync | None:
    """End the open sync of an activation: at once if nothing was sent, else after the calls in flight (R20)."""
    sync = await _settle_again(session, activation)
    if sync is None or sync.closing is not None:
        return sync
    await close_sync(session, sync, closing=closing, error=error or {"message": reason})
    return sync


async def _settle_again(session: AsyncSession, activation: Activation) -> Sync | None:
    """Lock the open sync, and settle it now if that was given up because it ended its workers: a user has acted."""
    sync = await SyncRepository(session).open_of(activation.space_id, activation.id, lock="update")
    if sync is not None and sync.closing is not None and sync.lost_leases >= MAX_LOST_LEASES:
        sync.lost_leases, sync.next_at = 0, None
        await session.flush()
        wake_settle(session, sync)
    return sync


async def close_sync(
    session: AsyncSession, sync: Sync, *, closing: SyncState, error: dict[str, Any] | None
) -> None:
    """Close a locked sync as ``cancelled`` or ``failed``; if it has sent, settling folds its receipts first (R8)."""
    sync.error = error
    if sync.state.is_unsent:
        set_state(sync, closing)
        _revoke_lease(sync)
        sync.finished_at = await RunRepository(session).database_now()
        await session.flush()
        await BatchRepository(session).drop(sync.space_id, sync.id)
        return
    sync.closing = closing
    await session.flush()
    wake_settle(session, sync)


async def close_for_deletion(session: AsyncSession, activation: Activation) -> None:
    """Close the open sync of an activation before it is deleted; the destination stays as it is."""
    await ActivationRepository(session).get_any(activation.space_id, activation.id, lock="update")
    await close_open(
        session, activation, closing=SyncState.CANCELLED, reason="The activation was deleted."
    )
