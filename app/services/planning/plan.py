"""Plans: the difference between what is wanted and what is held, stored before anything is sent."""

from __future__ import annotations

from functools import partial

from app.connectors.errors import AuthenticationRejected, ConfigurationRejected
from app.core.logging import get_logger
from app.domain.sync_states import SyncState
from app.services.delivery import planning_refused
from app.services.planning import made_lists
from app.services.planning.left_calls import end_left_calls
from app.services.planning.old_holdings import fetch_holdings
from app.services.planning.plan_failures import put_off, record_failure
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
from app.snapshots.engine import PlanStats, StoredFile
from app.snapshots.plans import write_plan
from app.storage.models import Sync
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)


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
        later=partial(record_failure, platform),
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
            await put_off(platform, inputs.sync, {"message": error.message, "code": error.code})
        return False
    return True


async def _log_lost(sync: Sync) -> None:
    log.warning("plan_lease_lost", sync_id=sync.id)


async def _give_back(platform: Platform, sync: Sync) -> None:
    """Release the sync without counting the attempt (R18)."""
    async with platform.unit_of_work() as session:
        await SyncRepository(session).release(
            sync.space_id, sync.id, sync.lease_token, attempts=sync.attempts - 1
        )
