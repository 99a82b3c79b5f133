"""The collector: removes files that no row names, and history that is too old or dense (``app.domain.history``).

Only files of spaces that the database has are removed. Others belong to another installation that uses the same object store, or to
this one before it was given another database.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Set
from datetime import timedelta
from functools import partial

from app.core import clock
from app.core.logging import get_logger
from app.core.objects import is_unfinished
from app.domain.history import days_of
from app.services.delivery import EXPORTS_FOLDER, outdated_exports
from app.services.periodic import retention
from app.services.platform import Platform
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.collection import CollectionQueries
from app.storage.repositories.old_rows import Ages, OldRows
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

#: Folders with a folder for each space.
_OF_SPACES = frozenset({"spaces", EXPORTS_FOLDER.rstrip("/")})
SYNCS_AT_ONCE = 500
SNAPSHOTS_AT_ONCE = 20_000
ROWS_AT_ONCE = 5_000
Forget = Callable[[SnapshotRepository, timedelta, int], Awaitable[int]]
Find = Callable[..., Awaitable[Sequence[tuple[str, str]]]]
BATCHES_AT_ONCE = 20_000  # deleted well within the time limit of a statement


async def collect_files(platform: Platform) -> int:
    """Forget history and rows that are too old or dense, then remove orphans older than ``orphan_age``. Returns their number.

    A file is written before the row that names it (R2), so a young file may still be named. The rows are read after
    the files are listed, so that a row written between the two is seen.
    """
    old, kept = clock.now() - platform.settings.orphan_age, platform.settings.history_kept
    candidates = []
    written = {}
    async for key, _, modified in platform.objects.list(""):
        if key.startswith(EXPORTS_FOLDER) and not is_unfinished(key):
            written[key] = modified
        elif modified < old:
            candidates.append(key)
    # Finished exports are named by links, not by rows; their age decides.
    candidates += await outdated_exports(platform, written, clock.now())
    await _forget_syncs(platform, partial(CollectionQueries.old_syncs, age=kept))
    for age in days_of(kept):
        await _forget_syncs(platform, partial(CollectionQueries.followed_syncs, age=age))
        await _forget_snapshots(platform, SnapshotRepository.thin_out, age)
    await _forget_snapshots(platform, SnapshotRepository.forget_unused, kept)
    async with platform.unit_of_work() as session:
        await BatchRepository(session).forget_attempts(kept)
        await retention.forget_old_history(session, now=clock.now())
    await _forget_rows(platform)
    async with platform.unit_of_work() as session:
        named = await CollectionQueries(session).named_keys()
        spaces = await CollectionQueries(session).spaces()
    unnamed = [key for key in candidates if key not in named]
    orphans = [key for key in unnamed if _is_own(key, spaces)]
    if len(unnamed) > len(orphans):
        log.warning(
            "foreign_files_kept",
            count=len(unnamed) - len(orphans),
            advice="give each installation a STORAGE_URL of its own; the database has no such spaces",
        )
    for key in orphans:
        await platform.objects.delete(key)
    if orphans:
        log.info("orphans_removed", count=len(orphans))
    return len(orphans)


def _is_own(key: str, spaces: Set[str]) -> bool:
    """Return whether a file belongs to this installation: to one of its spaces, or to none, as what a start tries out."""
    folder, _, rest = key.partition("/")
    return not rest or (folder in _OF_SPACES and rest.partition("/")[0] in spaces)


async def _forget_syncs(platform: Platform, find: Find) -> None:
    """Forget plans, outcomes, batches and attempts of the syncs that are found; the syncs' rows stay."""
    found: Sequence[tuple[str, str]] | None = None
    while found is None or len(found) == SYNCS_AT_ONCE:
        async with platform.unit_of_work() as session:
            found = await find(CollectionQueries(session), limit=SYNCS_AT_ONCE)
        for space_id, sync_id in found:
            await _forget_sync(platform, space_id, sync_id)


async def _forget_sync(platform: Platform, space_id: str, sync_id: str) -> None:
    """Forget one sync, in small transactions."""
    removed = BATCHES_AT_ONCE
    while removed == BATCHES_AT_ONCE:
        async with platform.unit_of_work() as session:
            removed = await BatchRepository(session).forget(space_id, sync_id, BATCHES_AT_ONCE)
            if removed < BATCHES_AT_ONCE:
                await SyncRepository(session).forget_files(space_id, sync_id)


async def _forget_rows(platform: Platform) -> None:
    """Forget rows of the log that are past their retention, in small transactions."""
    now, settings = clock.now(), platform.settings
    history = now - settings.history_kept
    ages = Ages(log=min(now - settings.log_kept, history), history=history)
    for forget in (OldRows.forget_syncs, OldRows.forget_runs, OldRows.forget_notices):
        removed = ROWS_AT_ONCE
        while removed == ROWS_AT_ONCE:
            async with platform.unit_of_work() as session:
                removed = await forget(OldRows(session), ages, ROWS_AT_ONCE)


async def _forget_snapshots(platform: Platform, forget: Forget, age: timedelta) -> None:
    """Forget snapshots in small transactions: those that are too old, or those of a day that are too dense."""
    removed = SNAPSHOTS_AT_ONCE
    while removed == SNAPSHOTS_AT_ONCE:
        async with platform.unit_of_work() as session:
            removed = await forget(SnapshotRepository(session), age, SNAPSHOTS_AT_ONCE)
