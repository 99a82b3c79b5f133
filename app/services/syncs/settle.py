"""Settling: the receipts of a sync are folded into the holdings before it ends (R8) and the next one is planned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import to_wire
from app.core.logging import get_logger
from app.core.threads import in_thread
from app.domain.activation_states import ActivationState
from app.domain.sync_states import DELIVERY_STATES, SyncState
from app.services.places import PlacesChanged
from app.services.platform import (
    MAX_LOST_LEASES,
    LeaseLost,
    Platform,
    activation_folder,
    fetch_file,
    fetch_manifest,
    fresh_key,
    lease_owner,
    retry_transaction,
    run_leased,
    store_file,
)
from app.services.revision import spec_from_json
from app.services.syncs import lifecycle, notices, renames
from app.services.syncs.agreement import known_counts, with_agreement, with_counts
from app.services.syncs.batch_outcomes import outcomes_of
from app.services.syncs.batch_pages import Receipts, batch_pages
from app.services.syncs.given_up import give_up_settling, report_alive
from app.services.syncs.remarks import Remarks
from app.services.syncs.renames import Surroundings, find_surroundings
from app.services.syncs.staleness import is_due
from app.snapshots.engine import FoldStats, Manifest, StoredFile, UnknownFormat, lane_of
from app.snapshots.holdings import (
    OutcomeMarks,
    compact_holdings,
    count_held,
    fold_manifest,
    fold_marks,
)
from app.storage.models import Activation, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.due import DueQueries
from app.storage.repositories.left_calls import LeftCallQueries
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

RETRY_WAIT = timedelta(seconds=10)
FOLDED_AGAIN = 5  # tries in a row, while other activations at the same place change
_NOTHING = FoldStats(0, {}, 0, 0)  # of a sync without a plan


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed sync, and the holdings that the receipts of its batches are folded into."""

    sync: Sync
    holdings: Manifest
    calls_left: bool  # the partner may still apply calls of earlier syncs
    counts: tuple[int, int] | None  # ``known_counts`` of the holdings


@dataclass(frozen=True, slots=True)
class Folded:
    """The outcome and the new holdings: the files are stored, no row names them yet."""

    receipts: Receipts
    remarks: Remarks
    outcome: StoredFile | None
    holdings: Manifest
    stats: FoldStats = _NOTHING
    surroundings: Surroundings | None = None


async def settle_sync(platform: Platform, space_id: str, sync_id: str, *, lane: str) -> bool:
    """Settle one sync. Returns False if it is not due, or if another worker has it."""

    async def claim() -> Work | None:
        async with platform.unit_of_work() as session:
            return await _claim(platform, session, space_id, sync_id, lease_owner(lane))

    return await run_leased(
        lease=platform.settings.lease,
        claim=claim,
        renew=partial(_renew, platform),
        work=partial(_settle, platform),
        give_back=partial(_give_back, platform),
        later=partial(_try_later, platform),
        lost=lambda work: report_alive(platform, work.sync, "settle_lease_lost"),
    )


async def _settle(platform: Platform, work: Work) -> None:
    """Fold and commit, again if other activations at its places change during this time."""
    if work.sync.lost_leases >= MAX_LOST_LEASES:
        await give_up_settling(platform, work.sync)
        return
    for _ in range(FOLDED_AGAIN):
        try:
            await _commit(platform, work, await _fold(platform, work))
        except PlacesChanged:
            continue
        return
    raise PlacesChanged


async def _renew(platform: Platform, work: Work) -> bool:
    sync = work.sync
    async with platform.unit_of_work() as session:
        return await SyncRepository(session).renew(
            sync.space_id, sync.id, sync.lease_token, platform.settings.lease
        )


async def _give_back(
    platform: Platform, work: Work, wait: timedelta | None = None, refused: str | None = None
) -> None:
    """Release the sync. The activation shows the reason for which its files were ``refused``, if they were."""
    sync = work.sync

    async def release(session: AsyncSession) -> None:
        if refused is not None:
            activation = await ActivationRepository(session).get_any(
                sync.space_id, sync.activation_id, lock="update"
            )
            assert activation is not None  # noqa: S101  a foreign key
            activation.last_error = {"message": refused}
        await SyncRepository(session).release(sync.space_id, sync.id, sync.lease_token, wait=wait)

    await retry_transaction(platform.unit_of_work, release)


async def _try_later(platform: Platform, work: Work, error: Exception) -> None:
    """Release the sync after any error: its batches are recorded, so settling is tried until it succeeds."""
    if isinstance(error, UnknownFormat):
        log.error("settle_refused", sync_id=work.sync.id, reason=str(error))
        await _give_back(platform, work, RETRY_WAIT, refused=str(error))
        return
    log.error("settle_failed", sync_id=work.sync.id, exc_info=error)
    await _give_back(platform, work, RETRY_WAIT)


async def _claim(
    platform: Platform, session: AsyncSession, space_id: str, sync_id: str, owner: str
) -> Work | None:
    repository = SyncRepository(session)
    sync = await repository.claim(
        space_id, sync_id, DELIVERY_STATES, owner, platform.settings.lease
    )
    if sync is None:
        return None
    if sync.closing is None and not await DueQueries(session).is_to_settle(space_id, sync_id):
        await repository.release(space_id, sync_id, sync.lease_token)
        return None
    if not await _take_batches(session, sync):
        await repository.release(
            space_id, sync_id, sync.lease_token, wait=platform.settings.sweep_interval
        )
        return None
    activation = await ActivationRepository(session).get_any(space_id, sync.activation_id)
    assert activation is not None  # noqa: S101  a foreign key
    left = await LeftCallQueries(session).of_activation(space_id, activation.id)
    holdings = Manifest.from_json(activation.holdings)
    return Work(sync, holdings, bool(left), known_counts(activation))


async def _take_batches(session: AsyncSession, sync: Sync) -> bool:
    """Take the batches of a sync from senders whose lease has ended. Returns False while a call is in flight."""
    repository = BatchRepository(session)
    if await repository.in_flight_until(sync.space_id, sync.id) is not None:
        # The senders may still write receipts: wait for them, or for the end of their lease (R20).
        return False
    # A sender whose lease has ended may have sent just before that, and must not write any more (R8, R9, R11). A job
    # that was left with the partner may still be applied.
    taken = await repository.take_from_senders(sync.space_id, sync.id)
    sending, left = await repository.under_way(sync.space_id, sync.id)
    if sending:
        return False
    if taken or left:
        await SyncRepository(session).mark_unknown(sync.space_id, sync.id)
    return True


async def _fold(platform: Platform, work: Work) -> Folded:
    sync = work.sync
    if sync.plan is None or sync.spec is None:
        return Folded(Receipts(), Remarks(), None, work.holdings)
    plan = await fetch_file(platform.objects, StoredFile(**sync.plan))
    holdings = await fetch_manifest(platform.objects, work.holdings)
    out = platform.engine.scratch_file(".parquet")
    folder = activation_folder(sync.space_id, sync.activation_id)
    try:
        with OutcomeMarks(out) as marks:
            receipts = await _read_receipts(platform, sync, marks)
            found = await find_surroundings(platform, sync, holdings, receipts)
            stats: FoldStats = await platform.engine.run(
                fold_marks,
                plan,
                holdings,
                marks,
                spec_from_json(sync.spec),
                out,
                work.calls_left,
                found.check if found else None,
                before=work.counts,
                lane=lane_of(sync.plan["rows"] + work.holdings.rows),
            )
        key = fresh_key(f"{folder}/syncs/{sync.id}", "outcome")
        outcome = await store_file(platform.objects, out, key, stats.rows)
    finally:
        out.unlink(missing_ok=True)
    manifest = fold_manifest(work.holdings, outcome)
    if manifest.needs_compaction:
        manifest = await compact_manifest(platform, manifest, f"{folder}/holdings")
        held, assumed = await count_manifest(platform, manifest)
        stats = replace(stats, held=held, assumed=assumed)
    remarks = await _read_remarks(platform, sync, receipts, stats)
    return Folded(receipts, remarks, outcome, manifest, stats, found)


async def _read_receipts(platform: Platform, sync: Sync, marks: OutcomeMarks) -> Receipts:
    """Add what all batches of a sync say of its changes to ``marks``."""
    receipts = Receipts()
    async for page in batch_pages(platform, sync):
        receipts.take(page)
        await in_thread(marks.add, outcomes_of(page))
    return receipts


async def _read_remarks(
    platform: Platform, sync: Sync, receipts: Receipts, stats: FoldStats
) -> Remarks:
    """Count the remarks on the changes of a sync. Its batches are read again, if they have any."""
    remarks = Remarks(stats.unconfirmed, stats.renamed)
    if receipts.have_remarks:
        async for page in batch_pages(platform, sync):
            remarks.take(page)
    remarks.end()
    return remarks


async def compact_manifest(platform: Platform, manifest: Manifest, folder: str) -> Manifest:
    """Write holdings as one base in a folder. Returns its manifest."""
    out = platform.engine.scratch_file(".parquet")
    local = await fetch_manifest(platform.objects, manifest)
    try:
        rows = await platform.engine.run(compact_holdings, local, out, lane=lane_of(manifest.rows))
        base = await store_file(platform.objects, out, fresh_key(folder, "base"), rows)
    finally:
        out.unlink(missing_ok=True)
    return Manifest(base=(base,))


async def count_manifest(platform: Platform, manifest: Manifest) -> tuple[int, int]:
    """Count the keys of holdings that are held, and how many of them are assumed."""
    local = await fetch_manifest(platform.objects, manifest)
    return await platform.engine.run(count_held, local, lane=lane_of(manifest.rows))


async def _commit(platform: Platform, work: Work, folded: Folded) -> None:
    """End the sync in one transaction."""
    await retry_transaction(platform.unit_of_work, partial(_write_end, work, folded))


async def _write_end(work: Work, folded: Folded, session: AsyncSession) -> None:
    """Write state, counts and holdings under the lease, and open the next sync if something newer waits."""
    repository = SyncRepository(session)
    stats = folded.stats
    renamed = stats.renamed_before + len(stats.renamed - stats.unconfirmed)
    is_endless = bool(renamed or stats.renamed_others) and await renames.is_endless(
        session, work.sync
    )
    if folded.surroundings is not None:
        await folded.surroundings.still_there(session, work.sync)
        if not is_endless:
            await folded.surroundings.wake(session, work.sync, stats.renamed_others)
    activation = await ActivationRepository(session).get_any(
        work.sync.space_id, work.sync.activation_id, lock="update"
    )
    sync = await repository.get(work.sync.space_id, work.sync.id, lock="update")
    assert activation is not None and sync is not None  # noqa: S101, PT018  foreign keys
    if sync.lease_token != work.sync.lease_token or sync.state not in DELIVERY_STATES:
        raise LeaseLost
    now = await RunRepository(session).database_now()
    _end(sync, folded, now)
    activation.holdings = _stored_holdings(activation, sync, work, folded)
    if folded.outcome is not None:
        activation.held, activation.assumed = stats.held, stats.assumed
    if sync.kind != "test":
        await _update_activation(session, activation, sync)
    if is_endless and sync.state == SyncState.COMPLETE:
        activation.last_error = renames.endless_error(sync)
    await session.flush()
    await _open_next(session, activation, sync, 0 if is_endless else renamed)


def _stored_holdings(
    activation: Activation, sync: Sync, work: Work, folded: Folded
) -> dict[str, Any]:
    """Return the holdings as they are stored. Calls that may still be applied could change what the partner has."""
    if sync.state != SyncState.COMPLETE or work.calls_left or sync.spec is None:
        return with_counts(activation.holdings, folded.holdings)
    spec = spec_from_json(sync.spec)
    return with_agreement(activation.holdings, folded.holdings, sync, spec, folded.stats)


def _end(sync: Sync, folded: Folded, now: datetime) -> None:
    lifecycle.set_state(sync, SyncState(sync.closing or SyncState.COMPLETE))
    sync.closing = None
    sync.finished_at = now
    sync.outcome = folded.outcome.to_json() if folded.outcome else None
    receipts, stats = folded.receipts, folded.stats
    sync.delivered = receipts.delivered - len(stats.renamed)
    sync.rejected = receipts.rejected + len(stats.unconfirmed)
    sync.skipped = receipts.skipped
    sync.rejections = folded.remarks.of("rejected")
    remarks = {part: folded.remarks.of(part) for part in ("unknown", "notes")}
    if any(remarks.values()):
        found = {part: remark for part, remark in remarks.items() if remark}
        sync.report = {**(sync.report or {}), **found}
    sync.lease_owner, sync.lease_until = None, None


async def _update_activation(session: AsyncSession, activation: Activation, sync: Sync) -> None:
    """Update the activation for the end of its sync, and leave a notice."""
    if sync.state == SyncState.COMPLETE:
        _completed(activation, sync)
        activation.last_synced_at = sync.finished_at
    elif sync.state == SyncState.FAILED and sync.error:
        activation.last_error = sync.error
    await session.flush()
    before = await SyncRepository(session).state_before(sync)
    notices.notify_sync_ended(session, activation, sync, before)


def _completed(activation: Activation, sync: Sync) -> None:
    activation.failing_since = None
    activation.last_error = _unknown_error(sync)
    if sync.kind == "baseline":
        activation.baseline_wanted = False
    if sync.kind == "resync":
        activation.resync_done = max(activation.resync_done, sync.resync_generation)


def _unknown_error(sync: Sync) -> dict[str, Any] | None:
    """Return the error ``{message, code, at}`` of a sync that the partner did not confirm completely; else None."""
    samples = ((sync.report or {}).get("unknown") or {}).get("samples")
    if not samples or sync.finished_at is None:
        return None
    said = {name: samples[0][name] for name in ("message", "code")}
    return {**said, "at": to_wire(sync.finished_at)}


async def _open_next(
    session: AsyncSession, activation: Activation, sync: Sync, renamed: int
) -> None:
    if (
        not activation.enabled
        or activation.state != ActivationState.ACTIVE
        or activation.deleted_at is not None
    ):
        return
    # A sync that was stopped or failed has a next one if the activation was enabled again before it settled.
    if not await lifecycle.all_have_snapshots(session, activation):
        return
    if await is_due(session, activation):
        await lifecycle.open_sync(session, activation, trigger="newer", actor=sync.opened_by)
    elif renames.needs_another(activation, sync, renamed):
        await lifecycle.open_sync(
            session, activation, trigger=renames.TRIGGER, actor=sync.opened_by
        )
