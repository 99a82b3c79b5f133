"""The note of an activation's status: why nothing was sent, and what happens next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import in_words
from app.domain.activation_states import ActivationState
from app.domain.computing import NOT_COMPUTED, ComputedBy
from app.domain.left_out import LeftOut
from app.domain.next_words import SourceFacts, next_words
from app.domain.options import frequency_of
from app.domain.sync_states import SyncState
from app.storage.models import Activation, Destination, Sync
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.left_calls import LeftCallQueries

_PAUSED_FOR = {
    "failed": "most of its calls failed.",
    "unknown": "most of its calls ended without a definite response.",
    "refused": "it refused the batch that tried it again.",
    "throttled": "it still asked to wait.",
}


async def status_note(
    session: AsyncSession,
    activation: Activation,
    sources: Sequence[SourceFacts],
    sync: Sync | None,
    last: Sync | None,
    now: datetime,
) -> str:
    """Return in sentences what an activation does, and if no sync is open what happens next and when.

    ``sync`` is its open sync, ``last`` the newest one that was planned.
    """
    if activation.state == ActivationState.ERROR:
        why = (activation.last_error or {}).get("message", "see lastError")
        return f"Paused by an error: {why} Fix the cause, then enable the activation again."
    if not activation.enabled:
        return f"Disabled: nothing is sent.{_when_enabled(activation, now)}"
    if sync is not None:
        account = await DestinationRepository(session).get(sync.space_id, sync.destination_id)
        since = await LeftCallQueries(session).waits_since(sync.space_id, sync.id)
        return _note_of_open(sync, account, now, since)
    if activation.awaits_since is not None:
        return _note_of_wait(activation.awaits_since, sources)
    frequency = frequency_of(activation.options)
    parts = (
        _note_of_last(activation, sources, last),
        _note_of_assumed(activation),
        next_words(frequency, activation.next_due_at, sources, now, resync=_resync(activation)),
    )
    return " ".join(part for part in parts if part)


def _when_enabled(activation: Activation, now: datetime) -> str:
    if _resync(activation):
        moment = frequency_of(activation.options).moment
        if moment is not None and moment > now and activation.next_due_at is not None:
            return f" The requested resync is sent at {in_words(moment)}, if it is enabled then."
        return " The requested resync starts when it is enabled."
    if activation.baseline_wanted:
        return " If it is enabled without sending its members first, they count as already there, and only later changes are sent."
    return ""


def _note_of_wait(since: datetime, sources: Sequence[SourceFacts]) -> str:
    names = [f"'{one.name}'" for one in sources if one.computed_by is ComputedBy.ACTIVATION]
    return (
        f"A sync is due since {in_words(since)}. It is opened when {' and '.join(names) or 'its audience'} "
        f"{'is' if len(names) < 2 else 'are'} computed."
    )


def _note_of_assumed(activation: Activation) -> str:
    """Return how many members were never sent, and the operation that sends them."""
    if not activation.assumed:
        return ""
    path = f"/spaces/{activation.space_id}/audiences/{activation.audience_id}/activations/{activation.id}"
    return (
        f"{activation.assumed:,} members counted as already there, so they were not sent. "
        f'To send them: POST {path}/syncs with {{"kind": "resync"}}.'
    )


def _note_of_open(
    sync: Sync, account: Destination | None, now: datetime, waits_since: datetime | None
) -> str:
    if sync.state == SyncState.HELD:
        return f"On hold: {sync.hold_reason} Approve or cancel the sync {sync.id}."
    if sync.state == SyncState.NEW and sync.next_at is not None and sync.next_at > now:
        return (
            "Waiting for the settle time: an earlier request had no definite response and may still be applied "
            f"by the destination; planned at {in_words(sync.next_at)}."
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
            f"A sync is being sent: the destination has worked on a batch since {in_words(waits_since)}, and the sync "
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
        f"The account {account.name!r} is paused until {in_words(until)}: {why} Then one batch tries it; a check that "
        "passes, or new settings, end the pause at once."
    )


def _note_of_last(activation: Activation, sources: Sequence[SourceFacts], last: Sync | None) -> str:
    error = activation.last_error or {}
    if error.get("code") == NOT_COMPUTED:
        return str(error.get("message"))
    missing = [one for one in sources if one.as_of is None]
    if missing:
        return _note_of_missing(activation, missing[0], last)
    if last is None:
        return "Nothing has been sent yet."
    if last.kind == "baseline":
        return "The members of the start count as already there: nothing was sent for them."
    if last.state == SyncState.FAILED:
        return "The last sync failed; what it had sent is recorded, and the next sync continues from there."
    others = _note_of_others(last)
    if last.planned == 0:
        return f"Nothing changed: the destination holds all wanted members ({activation.held}).{others}"
    return f"The last sync sent {last.delivered} of {last.planned} changes.{others}"


def _note_of_missing(activation: Activation, source: SourceFacts, last: Sync | None) -> str:
    if source.fault is not None:
        return (
            f"Nothing has been sent yet: the audience '{source.name}' could not be computed, so it has no members: "
            f"{source.fault} The activation waits until a run of it is complete."
        )
    if last is not None:
        return f"Nothing is sent until the audience '{source.name}' has been computed."
    words = f"Nothing has been sent yet: the audience '{source.name}' has not been computed."
    if activation.baseline_wanted:
        return words
    return f"{words} Its first members are all sent, since none was there when the activation was enabled."


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
