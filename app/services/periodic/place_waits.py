"""Syncs of activations that waited for another activation at the same place, which has changed since."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.domain.options import frequency_of
from app.services.syncs import PLACE_TRIGGER, all_have_snapshots, open_sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.places import PlaceRepository

log = get_logger(__name__)

ACTOR = "place"
LIMIT = 100


async def open_waiting(session: AsyncSession) -> int:
    """Open a sync for each activation whose wait is over. Returns the number opened.

    An activation with a schedule sends at its time only; its next sync decides.
    """
    opened = 0
    for space_id, activation_id in await PlaceRepository(session).waits_over(LIMIT):
        try:
            async with session.begin_nested():
                opened += await _open(session, space_id, activation_id)
        except Exception:
            log.exception("place_wait_failed", activation_id=activation_id)
    return opened


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
