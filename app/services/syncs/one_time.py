"""One-time sends: activations with the frequency ``once``. Nothing is sent before its time, and one sync ends it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.options import frequency_of
from app.domain.sync_states import SyncKind
from app.storage.models import Activation, Sync
from app.storage.repositories.runs import RunRepository

_ENDING = (SyncKind.INCREMENTAL, SyncKind.RESYNC, SyncKind.BASELINE)


async def waits(session: AsyncSession, activation: Activation) -> bool:
    """Check whether an activation sends once, at a time that is still to come: until then, only a request opens a sync."""
    moment = frequency_of(activation.options).moment
    if moment is None or activation.next_due_at is None:
        return False
    return moment > await RunRepository(session).database_now()


def end_with(activation: Activation, sync: Sync) -> None:
    """End a one-time send whose time has come: ``sync``, which was opened now for any reason, takes its place.

    It sends what the one send would have sent. After a baseline nothing would be left to send: all members of that moment
    count as already there.
    """
    moment = frequency_of(activation.options).moment
    if moment is not None and sync.kind in _ENDING and moment <= sync.opened_at:
        activation.next_due_at = None
