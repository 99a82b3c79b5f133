"""Plans: the difference between what is wanted and what is held, stored before anything is sent."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from app.connectors.errors import AuthenticationRejected, ConfigurationRejected, ConnectorError
from app.core.errors import AppError
from app.core.logging import get_logger
from app.domain import retry
from app.domain.sync_states import SyncState
from app.services.delivery import planning_refused
from app.services.planning import made_lists
from app.services.planning.left_calls import end_left_calls
from app.services.planning.old_holdings import fetch_holdings
from app.services.planning.plan_inputs import PlanInputs, gather_inputs
from app.services.planning.planned_sync import complete_dry_run, store_plan
from app.services.platform import (
    LeaseLost,
    Platform,
    activation_folder,
    fetch_manifest,
    fresh_key,
    lease_owner,
    run_leased,
    store_file,
)
from app.services.syncs import (
    notify_sync_ended,
    write_state,
)
from app.snapshots.engine import PlanStats, StoredFile, UnknownFormat
from app.snapshots.plans import write_plan
from app.storage.models import Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

MAX_ATTEMPTS = 8  # of a dry run; a sync is tried until it succeeds
SHOWN_AFTER = 3  # failed attempts, before the activation shows the error


async def plan_sync(platform: Platform, space_id: str, sync_id: str, *, lane: str) -> bool:
    """Plan one sync. Returns False if it is not due, or if another worker has it."""

    async def claim() -> Sync | None:
        async with platform.unit_of_work() as session:
            return await SyncRepository(session).claim(
                space_id, sync_id, (SyncState.NEW,), lease_owner(lane), platform.settings.lease
            )

    return await run_leased(
        lease=platform.settings.lease,
        claim=claim,
        renew=partial(_renew, platform),
        work=partial(_plan, platform),
        give_back=partial(_give_back, platform),
        later=partial(_record_error, platform),
        lost=_log_lost,
    )


async def _plan(platform: Platform, sync: Sync) -> None:
    inputs = await _begin(platform, sync)
    if inputs is None:
        return
    await end_left_calls(platform, inputs)
    stats, file = await _write(platform, inputs)
    if not await _can_be_sent(platform, inputs, stats):
        return
    await store_plan(platform, inputs, stats, file)
    if inputs.sync.kind == "dry_run":
        await complete_dry_run(platform, inputs, stats)


async def _renew(platform: Platform, sync: Sync) -> bool:
    async with platform.unit_of_work() as session:
        return await SyncRepository(session).renew(
            sync.space_id, sync.id, sync.lease_token, platform.settings.lease
        )


async def _record_error(platform: Platform, sync: Sync, error: Exception) -> None:
    """Record why a sync was not planned. If the partner cannot be reached, planning is tried again later."""
    match error:
        case ConnectorError():
            await _later(platform, sync, {"message": error.message, "code": error.code})
        case UnknownFormat():
            await _later(platform, sync, {"message": str(error)})
        case AppError():
            await _fail(platform, sync, {"message": str(error)})
        case _:
            log.error("plan_failed", sync_id=sync.id, exc_info=error)
            await _later_or_fail(platform, sync, error)


async def _begin(platform: Platform, sync: Sync) -> PlanInputs | None:
    """Gather in one transaction under the lease; an error ends the attempt. Raises LeaseLost."""
    async with platform.unit_of_work() as session:
        lease = platform.settings.lease
        if not await SyncRepository(session).renew(sync.space_id, sync.id, sync.lease_token, lease):
            raise LeaseLost
        return await gather_inputs(platform, session, sync)


async def _write(platform: Platform, inputs: PlanInputs) -> tuple[PlanStats, StoredFile | None]:
    wanted = [await fetch_manifest(platform.objects, manifest) for manifest in inputs.wanted]
    holdings = await fetch_holdings(platform, inputs)
    out = platform.engine.scratch_file(".parquet")
    try:
        stats = await platform.engine.run(
            write_plan, inputs.spec, wanted, holdings, out, known_rules=inputs.known_rules
        )
        if stats.changes + stats.silent == 0:
            return stats, None
        folder = activation_folder(inputs.sync.space_id, inputs.sync.activation_id)
        key = fresh_key(f"{folder}/syncs/{inputs.sync.id}", "plan")
        return stats, await store_file(platform.objects, out, key, stats.changes + stats.silent)
    finally:
        out.unlink(missing_ok=True)


async def _can_be_sent(platform: Platform, inputs: PlanInputs, stats: PlanStats) -> bool:
    """Create the lists that the plan needs. Returns False if the partner refuses; then the refusal is recorded."""
    if not stats.cuts or inputs.sync.kind == "dry_run":
        return True
    try:
        await made_lists.ensure_lists(
            platform, inputs.activation, inputs.account, inputs.revision, stats.cuts
        )
    except (AuthenticationRejected, ConfigurationRejected) as error:
        if not await planning_refused(platform, inputs.sync, inputs.account, error):
            await _later(platform, inputs.sync, {"message": error.message, "code": error.code})
        return False
    return True


async def _fail(platform: Platform, sync: Sync, error: dict[str, Any]) -> None:
    async with platform.unit_of_work() as session:
        repository = SyncRepository(session)
        activation = await ActivationRepository(session).get_any(
            sync.space_id, sync.activation_id, lock="update"
        )
        assert activation is not None  # noqa: S101  a foreign key
        written = await write_state(
            session,
            sync,
            SyncState.FAILED,
            error=error,
            lease_owner=None,
            lease_until=None,
            finished_at=await RunRepository(session).database_now(),
        )
        if written:
            failed = await repository.get(sync.space_id, sync.id)
            if failed is not None and failed.kind != "dry_run":
                activation.last_error = error
                before = await repository.state_before(failed)
                notify_sync_ended(session, activation, failed, before)
    log.warning("sync_failed", sync_id=sync.id)


async def _later_or_fail(platform: Platform, sync: Sync, error: Exception) -> None:
    described = {"message": f"{type(error).__name__}: planning failed; see the worker's log."}
    if sync.kind == "dry_run" and sync.attempts >= MAX_ATTEMPTS:
        await _fail(platform, sync, described)
        return
    # A sync is retried without a limit: nothing would open it again.
    await _later(platform, sync, described)


async def _later(platform: Platform, sync: Sync, error: dict[str, Any]) -> None:
    wait = retry.backoff(sync.attempts, platform.settings.retry_waits, random.random())  # noqa: S311  jitter
    async with platform.unit_of_work() as session:
        repository = SyncRepository(session)
        activation = await ActivationRepository(session).get_any(
            sync.space_id, sync.activation_id, lock="update"
        )
        released = await repository.release(
            sync.space_id, sync.id, sync.lease_token, wait=wait, error=error
        )
        is_shown = sync.kind != "dry_run" and sync.attempts >= SHOWN_AFTER
        if released and is_shown and activation is not None:
            activation.last_error = error


async def _log_lost(sync: Sync) -> None:
    log.warning("plan_lease_lost", sync_id=sync.id)


async def _give_back(platform: Platform, sync: Sync) -> None:
    """Release the sync without counting the attempt (R18)."""
    async with platform.unit_of_work() as session:
        await SyncRepository(session).release(
            sync.space_id, sync.id, sync.lease_token, attempts=sync.attempts - 1
        )
