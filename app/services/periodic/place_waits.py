"""Syncs of activations that waited for another activation at the same place, which has changed since."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.options import frequency_of
from app.services.periodic.due_rows import open_each
from app.services.syncs import PLACE_TRIGGER, all_have_snapshots, open_sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.places import PlaceRepository

ACTOR = "place"
LIMIT = 100


async def open_waiting(session: AsyncSession) -> int:
    """Open a sync for each activation whose wait is over. Returns the number opened.

    An activation with a schedule sends at its time only; its next sync decides.
    """
    found = await PlaceRepository(session).waits_over(LIMIT)
    rows = {activation_id: (space_id, activation_id) for space_id, activation_id in found}
    return await open_each(
        session, rows, lambda row: _open(session, *row), fault="place_wait_failed"
    )


async def _open(session: AsyncSession, space_id: str, activation_id: str) -> int:
    activation = await ActivationRepository(session).require_any(
        space_id, activation_id, lock="update"
    )
    # Seen once: if the sync fails or is cancelled, the next change of the other activation opens another.
    await PlaceRepository(session).see(space_id, activation_id)
    if not frequency_of(activation.options).follows_runs:
        return 0
    if not await all_have_snapshots(session, activation):
        return 0
    sync = await open_sync(session, activation, trigger=PLACE_TRIGGER, actor=ACTOR)
    return int(sync is not None)
