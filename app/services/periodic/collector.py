"""The collector: removes files that no row names, and history that is too old."""

from __future__ import annotations

from app.core import clock
from app.core.logging import get_logger
from app.services.delivery import EXPORTS_FOLDER, outdated_exports
from app.services.periodic import retention
from app.services.platform import Platform
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.collection import CollectionQueries
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

SYNCS_AT_ONCE = 500
BATCHES_AT_ONCE = 20_000  # deleted well within the time limit of a statement


async def collect_files(platform: Platform) -> int:
    """Forget history older than ``history_kept``, then remove orphans older than ``orphan_age``. Returns their number.

    A file is written before the row that names it (R2), so a young file may still be named. The rows are read after
    the files are listed, so that a row written between the two is seen.
    """
    old = clock.now() - platform.settings.orphan_age
    candidates = []
    written = {}
    async for key, _, modified in platform.objects.list(""):
        if key.startswith(EXPORTS_FOLDER):
            written[key] = modified
        elif modified < old:
            candidates.append(key)
    # Finished exports are named by links, not by rows; their age decides.
    candidates += await outdated_exports(platform, written, clock.now())
    await _forget_syncs(platform)
    async with platform.unit_of_work() as session:
        await BatchRepository(session).forget_attempts(platform.settings.history_kept)
        await SnapshotRepository(session).forget_unused(platform.settings.history_kept)
        named = await CollectionQueries(session).named_keys()
        await retention.forget_old_history(session, now=clock.now())
    orphans = [key for key in candidates if key not in named]
    for key in orphans:
        await platform.objects.delete(key)
    if orphans:
        log.info("orphans_removed", count=len(orphans))
    return len(orphans)


async def _forget_syncs(platform: Platform) -> None:
    """Forget plans, outcomes, batches and attempts of old syncs, in small transactions; the syncs' rows stay."""
    while True:
        async with platform.unit_of_work() as session:
            old = await CollectionQueries(session).old_syncs(
                platform.settings.history_kept, SYNCS_AT_ONCE
            )
        for space_id, sync_id in old:
            done = False
            while not done:
                async with platform.unit_of_work() as session:
                    removed = await BatchRepository(session).forget(
                        space_id, sync_id, BATCHES_AT_ONCE
                    )
                    done = removed < BATCHES_AT_ONCE
                    if done:
                        await SyncRepository(session).forget_files(space_id, sync_id)
        if len(old) < SYNCS_AT_ONCE:
            return
