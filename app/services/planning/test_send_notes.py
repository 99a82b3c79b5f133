"""Notes on a test send: how it differs from a sync, what the next sync does, and how its attempts ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.changes import ChangeKind, Mode
from app.domain.left_out import LeftOut
from app.domain.sync_states import SyncState
from app.services.revision import Revision
from app.services.syncs import AttemptView, view_attempt
from app.storage.models import Sync
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.explanations import ExplanationQueries

_LEFT_OUT = {
    LeftOut.NO_CONSENT: "A sync would leave it out: it has not given consent (delivery option consent).",
    LeftOut.CONTROL: "A sync would leave it out: it belongs to a control group.",
}


def test_send_notes(
    kind: ChangeKind,
    *,
    is_member: bool,
    left_out: Collection[str],
    revision: Revision,
    at_work: bool,
) -> list[str]:
    """Return sentences for the user: what a sync would do differently, and what the next sync does."""
    notes = [words for reason, words in _LEFT_OUT.items() if reason in left_out]
    if kind not in revision.sends:
        notes.append(f"A sync would not send it: this activation sends no change {kind.value!r}.")
    notes.append(_what_follows(kind, is_member and not left_out, revision.mode))
    if not at_work:
        notes.append("The activation is not active, so the next sync starts when it is enabled.")
    return notes


def _what_follows(kind: ChangeKind, wanted: bool, mode: Mode) -> str:
    if mode is Mode.REMOVE:
        return "In mode remove, the next sync removes the members of the audience, and no one else."
    if wanted:
        if kind is ChangeKind.EXITED:
            return "It is in the audience: the next sync sends it as entered again."
        if kind is ChangeKind.UPDATED:
            return "It is in the audience, but an update makes nobody a member: who was not there enters with the next sync."
        return "It is in the audience, and the destination now holds it: the next sync does not send it."
    if kind is ChangeKind.EXITED:
        return "It is not wanted at the destination, so the next sync sends nothing for it."
    if mode is Mode.APPEND:
        return "It is not wanted at the destination, but mode append removes no one: send it as exited."
    return "It is not wanted at the destination: the next sync removes it."


@dataclass(frozen=True, slots=True)
class TestSendReason:
    """A reason why the partner or the service refused the change."""

    code: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class TestSendOutcome:
    """The result of a test send.

    ``status``: delivered, rejected, skipped, unknown, failed, cancelled, or pending until it has ended.
    """

    status: str
    reasons: Sequence[TestSendReason]
    attempts: Sequence[AttemptView]


async def test_send_outcome(session: AsyncSession, sync: Sync) -> TestSendOutcome:
    """Read the result of a test send as it is now."""
    return TestSendOutcome(
        _status(sync), await _reasons(session, sync), await _attempts(session, sync)
    )


def _status(sync: Sync) -> str:
    if sync.finished_at is None:
        return "pending"
    if sync.state != SyncState.COMPLETE:
        return sync.state
    if sync.rejected:
        return "rejected"
    if sync.skipped:
        return "skipped"
    return "delivered" if sync.delivered else "unknown"


async def _reasons(session: AsyncSession, sync: Sync) -> list[TestSendReason]:
    found = [sync.error] if sync.error else []
    for batch in await BatchRepository(session).of_sync(sync.space_id, sync.id):
        kept = batch.receipts or {}
        for fate in ("rejected", "skipped", "unknown", "notes"):
            found += list((kept.get(fate) or {}).values())
    return [TestSendReason(one.get("code"), one.get("message")) for one in found]


async def _attempts(session: AsyncSession, sync: Sync) -> list[AttemptView]:
    batches = [(sync.id, number) for number in range(1, sync.batches + 1)]
    attempts = await ExplanationQueries(session).attempts(sync.space_id, batches)
    return [view_attempt(attempt) for attempt in attempts]
