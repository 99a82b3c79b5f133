"""Plans: the difference between what is wanted and what is held, stored before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import AuthenticationRejected, ConfigurationRejected
from app.core.errors import Conflict
from app.domain.sync_states import SyncState
from app.services.delivery import planning_refused
from app.services.places import PlacesChanged, fetch_holders, fetch_sharers
from app.services.planning import made_lists
from app.services.planning.left_calls import end_left_calls
from app.services.planning.old_holdings import fetch_holdings
from app.services.planning.plan_failures import give_up_lost, put_off, record_failure
from app.services.planning.plan_inputs import PlanInputs, gather_inputs, with_neighbours
from app.services.planning.planned_sync import complete_dry_run, store_plan
from app.services.planning.withheld import Withheld, store_withheld
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
from app.services.syncs import agreed_deltas, report_alive, retry_gone
from app.snapshots.engine import LocalManifest, PlanStats, StoredFile, file_version, lane_of
from app.snapshots.plans import Counted, Retried, write_plan
from app.storage.models import Sync
from app.storage.repositories.syncs import SyncRepository

COMPUTED_AGAIN = 5  # tries in a row, while other activations at the same place change
_PLACES_CHANGE = "Other activations at the same place keep changing; the sync is planned again."


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
        lost=lambda sync: report_alive(platform, sync, "plan_lease_lost"),
    )


async def _plan(platform: Platform, sync: Sync) -> None:
    """Compute and store the plan, again if other activations at its places change during this time."""
    if sync.lost_leases >= MAX_LOST_LEASES:
        await give_up_lost(platform, sync)
        return
    for _ in range(COMPUTED_AGAIN):
        try:
            await _plan_once(platform, sync)
        except PlacesChanged:
            continue
        return
    await put_off(platform, sync, {"message": _PLACES_CHANGE})


async def _plan_once(platform: Platform, sync: Sync) -> None:
    inputs = await _begin(platform, sync)
    if inputs is None:
        return
    await end_left_calls(platform, inputs)
    inputs = await with_neighbours(platform, inputs)
    if inputs is None:
        return
    stats, file, withheld = await _write(platform, inputs)
    if not await _can_be_sent(platform, inputs, stats):
        return
    await store_plan(platform, inputs, stats, file, withheld)
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


async def _write(
    platform: Platform, inputs: PlanInputs
) -> tuple[PlanStats, StoredFile | None, Withheld | None]:
    """Compute the plan, and store its files: the plan, and what is withheld."""
    out, rest = (platform.engine.scratch_file(".parquet") for _ in range(2))
    try:
        stats = await _compute(platform, inputs, out, rest)
        file = await _store_changes(platform, inputs, stats, out)
        if not stats.withheld:
            return stats, file, None
        return stats, file, await store_withheld(platform, inputs, rest, stats.withheld)
    finally:
        out.unlink(missing_ok=True)
        rest.unlink(missing_ok=True)


async def _compute(platform: Platform, inputs: PlanInputs, out: Path, rest: Path) -> PlanStats:
    wanted = [await fetch_manifest(platform.objects, manifest) for manifest in inputs.wanted]
    holdings = await fetch_holdings(platform, inputs)
    holders = (
        await fetch_holders(platform, inputs.sync, holdings, inputs.neighbours)
        if inputs.account.definition.renames_profiles
        else ()
    )
    retried = [
        Retried(await fetch_file(platform.objects, one.file), one.reason) for one in inputs.retried
    ]
    if any(file_version(one.outcome) == 1 for one in retried):
        raise Conflict(retry_gone(inputs.retried[0].number))  # its keys are written otherwise
    return await platform.engine.run(
        write_plan,
        inputs.spec,
        wanted,
        holdings,
        out,
        known_rules=inputs.known_rules,
        sharers=await fetch_sharers(platform, inputs.neighbours),
        withheld=None if inputs.sync.kind == "dry_run" else rest,
        holders=holders,
        retried=retried,
        lacks_list=inputs.lacks_list,
        agreed=_agreed(inputs, wanted),
        counted=Counted(inputs.members, inputs.counts[0] if inputs.counts else None),
        lane=lane_of(inputs.rows),
    )


def _agreed(inputs: PlanInputs, wanted: Sequence[LocalManifest]) -> LocalManifest | None:
    """Return the membership that the holdings agree with, if its files are the first ones of the wanted membership."""
    if len(wanted) != 1:
        return None
    deltas = agreed_deltas(inputs.activation.holdings, inputs.spec, inputs.wanted[0])
    return None if deltas is None else replace(wanted[0], deltas=wanted[0].deltas[:deltas])


async def _store_changes(
    platform: Platform, inputs: PlanInputs, stats: PlanStats, out: Path
) -> StoredFile | None:
    rows = stats.changes + stats.silent
    if not rows:
        return None
    folder = activation_folder(inputs.sync.space_id, inputs.sync.activation_id)
    key = fresh_key(f"{folder}/syncs/{inputs.sync.id}", "plan")
    return await store_file(platform.objects, out, key, rows)


async def _can_be_sent(platform: Platform, inputs: PlanInputs, stats: PlanStats) -> bool:
    """Create the lists that the plan needs. Returns False if the partner refuses; then the refusal is recorded."""
    if not stats.cuts or inputs.sync.kind == "dry_run":
        return True
    try:
        await made_lists.ensure_lists(
            platform, inputs.activation, inputs.account, inputs.revision, stats.runs
        )
    except (AuthenticationRejected, ConfigurationRejected) as error:
        if not await planning_refused(platform, inputs.sync, inputs.account, error):
            await put_off(platform, inputs.sync, {"message": error.message, "code": error.code})
        return False
    return True


async def _give_back(platform: Platform, sync: Sync) -> None:
    """Release the sync without counting the attempt (R18)."""

    async def release(session: AsyncSession) -> None:
        await SyncRepository(session).release(
            sync.space_id, sync.id, sync.lease_token, attempts=sync.attempts - 1
        )

    await retry_transaction(platform.unit_of_work, release)
