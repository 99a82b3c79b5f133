"""The status of an activation, with a note that explains why nothing was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import to_wire
from app.domain.activation_states import ActivationState
from app.domain.left_out import LeftOut
from app.domain.sync_states import SyncState
from app.storage.models import Activation, Destination, Sync
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.batch_counts import BatchCounts
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.left_calls import LeftCallQueries
from app.storage.repositories.places import PlaceRepository, SharerRow
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.syncs import SyncRepository

_PAUSED_FOR = {
    "failed": "most of its calls failed.",
    "unknown": "most of its calls ended without a definite response.",
    "refused": "it refused the batch that tried it again.",
    "throttled": "it still asked to wait.",
}


@dataclass(frozen=True, slots=True)
class OpenSync:
    """The open sync of an activation, and the counts of its batches; None before it is planned."""

    sync: Sync
    counts: BatchCounts | None


@dataclass(frozen=True, slots=True)
class ActivationStatus:
    """The status of an activation. ``note`` explains why nothing was sent."""

    activation: Activation
    open_sync: OpenSync | None
    revision: int
    delivered_revision: int | None
    note: str
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
        open_sync = OpenSync(sync, counts.get(sync.id))
    last = await repository.last_planned(activation.space_id, activation.id)
    revisions = RevisionRepository(session)
    return ActivationStatus(
        activation,
        open_sync,
        revision=await revisions.newest_number(activation.space_id, activation.id),
        delivered_revision=await revisions.delivered(activation.space_id, activation.id),
        note=await _note(session, activation, sync, last, now),
        shared_with=await _shared_with(session, activation),
    )


async def _shared_with(session: AsyncSession, activation: Activation) -> list[SharerRow]:
    """Return the other activations at the places of an activation, each once. They are recorded at saves and plans."""
    rows = await PlaceRepository(session).sharers(activation.space_id, activation.id)
    return list({row.activation_id: row for row in rows if row.current}.values())


async def _note(
    session: AsyncSession,
    activation: Activation,
    sync: Sync | None,
    last: Sync | None,
    now: datetime,
) -> str:
    if activation.state == ActivationState.ERROR:
        why = (activation.last_error or {}).get("message", "see lastError")
        return f"Paused by an error: {why} Fix the cause, then enable the activation again."
    if not activation.enabled:
        waiting = " The requested resync starts when it is enabled." if _resync(activation) else ""
        return f"Disabled: nothing is sent.{waiting}"
    if sync is not None:
        account = await DestinationRepository(session).get(sync.space_id, sync.destination_id)
        since = await LeftCallQueries(session).waits_since(sync.space_id, sync.id)
        return _note_of_open(sync, account, now, since)
    audiences = await AudienceRepository(session).sources_of(activation.space_id, activation.id)
    for audience in audiences:
        if audience.snapshot_id is None:
            return f"The audience {audience.key!r} has not been computed yet: force a run or upload its members."
    return _note_of_last(activation, last)


def _note_of_open(
    sync: Sync, account: Destination | None, now: datetime, waits_since: datetime | None
) -> str:
    if sync.state == SyncState.HELD:
        return f"On hold: {sync.hold_reason} Approve or cancel the sync {sync.id}."
    if sync.state == SyncState.NEW and sync.next_at is not None and sync.next_at > now:
        return (
            "Waiting for the settle time: an earlier request had no definite response and may still be applied "
            f"by the destination; planned at {to_wire(sync.next_at)}."
        )
    if sync.closing is not None:
        return "The open sync is being closed; it waits for the calls in flight."
    paused_until = (
        account.open_until if account is not None and sync.state != SyncState.NEW else None
    )
    if account is not None and paused_until is not None and paused_until > now:
        return _note_of_pause(account, paused_until)
    if waits_since is not None:
        return (
            f"A sync is being sent: the destination has worked on a batch since {to_wire(waits_since)}, and the sync "
            "waits until it has finished. If something newer waits for long, the sync is closed."
        )
    words = {
        SyncState.NEW: "A sync is about to be planned.",
        SyncState.PENDING: "A sync is planned and about to be sent.",
        SyncState.RUNNING: "A sync is being sent.",
    }
    return words[sync.state]


def _note_of_pause(account: Destination, until: datetime) -> str:
    reason = str((account.breaker or {}).get("reason") or "")
    why = _PAUSED_FOR.get(reason, reason or "it is being tried with one batch.")
    return (
        f"The account {account.name!r} is paused until {to_wire(until)}: {why} Then one batch tries it; a check that "
        "passes, or new settings, end the pause at once."
    )


def _note_of_last(activation: Activation, last: Sync | None) -> str:
    if last is None:
        return "Nothing has been sent yet; the next run of the audience opens a sync."
    if last.kind == "baseline":
        return (
            f"Baseline: the {activation.assumed} members at the time of enabling are taken as already held, and "
            "nothing was sent. Start a sync with kind resync to send them."
        )
    if last.state == SyncState.FAILED:
        return "The last sync failed; what it had sent is in the holdings, and the next sync continues from there."
    others = _note_of_others(last)
    if last.planned == 0:
        return f"Nothing changed: the destination holds all wanted members ({activation.held}).{others}"
    return f"The last sync sent {last.delivered} of {last.planned} changes.{others}"


def _note_of_others(last: Sync) -> str:
    """Return what the last sync did not send because of other activations at the same place."""
    notes = ""
    if withheld := last.left_out.get(LeftOut.HELD_BY_ANOTHER):
        notes += f" Exits not sent, because another activation holds the members at the same place: {withheld}."
    if waiting := last.left_out.get(LeftOut.LEAVING_BY_ANOTHER):
        notes += f" Entries that wait until an exit by another activation is over: {waiting}."
    return notes


def _resync(activation: Activation) -> bool:
    return activation.resync_wanted > activation.resync_done
