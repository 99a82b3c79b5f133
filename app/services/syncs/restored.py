"""What follows a restore from a backup: the destinations are newer than all that was restored (R5)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.domain.sync_states import SyncState
from app.services.platform import Platform
from app.services.syncs import one_time
from app.services.syncs.lifecycle import all_have_snapshots, close_open, is_at_work, open_sync
from app.storage.models import Activation
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.restores import RestoreQueries

log = get_logger(__name__)

ACTOR = "restore"
PAGE = 500
#: More syncs than an activation can have in a second. Those after the backup are not known, but their numbers were sent.
SYNCS_PER_SECOND = 10
LEAST = 1_000
MOST = 100_000_000  # receivers may keep numbers of 32 bits
_REASON = "The service was restored from a backup; a resync follows."


@dataclass(frozen=True, slots=True)
class Restored:
    """How many activations there are, for how many a resync is opened now, and for how many it follows later.

    Later: when the open sync has ended, the activation is enabled, its audiences are computed, or its one time has come.
    """

    activations: int
    resyncs: int
    later: int


async def begin_after_restore(platform: Platform) -> Restored:
    """Let the next sync of each activation be a resync, with a number that none had before.

    What the backup was about to send is not sent any more, because newer changes followed it. A receiver drops what has a
    lower number (``seq``) than it has seen, so numbers that were used after the backup are left out. Safe to repeat.
    """
    count = opened = later = 0
    after = ("", "")
    while True:
        async with platform.unit_of_work() as session:
            found = await RestoreQueries(session).activations(after, PAGE)
        for space_id, activation_id in found:
            async with platform.unit_of_work() as session:
                is_open = await _begin(session, space_id, activation_id)
            count, opened, later = count + 1, opened + (is_open is True), later + (is_open is False)
        if len(found) < PAGE:
            break
        after = found[-1]
    log.info("restored", activations=count, resyncs=opened, later=later)
    return Restored(count, opened, later)


async def _begin(session: AsyncSession, space_id: str, activation_id: str) -> bool | None:
    """Close the open sync of an activation, and open a resync. Returns whether it is open; None if none is needed."""
    activation = await ActivationRepository(session).require_any(
        space_id, activation_id, lock="update"
    )
    passed = await RestoreQueries(session).since_last_sync(activation)
    jump = max(LEAST, SYNCS_PER_SECOND * int(passed.total_seconds()))
    activation.sync_number += min(jump, MOST)
    if activation.baseline_wanted:
        return None  # nothing was sent yet: the members of this moment count as already there
    await close_open(session, activation, closing=SyncState.CANCELLED, reason=_REASON)
    activation.resync_wanted += 1
    await session.flush()
    return await _is_opened(session, activation)


async def _is_opened(session: AsyncSession, activation: Activation) -> bool:
    if not is_at_work(activation) or not await all_have_snapshots(session, activation):
        return False
    if await one_time.waits(session, activation):
        return False
    return await open_sync(session, activation, trigger="resync", actor=ACTOR) is not None
