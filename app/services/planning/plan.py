"""Plans: the difference between what is wanted and what is held, stored before anything is sent."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors import registry
from app.connectors.errors import AuthenticationRejected, ConfigurationRejected, ConnectorError
from app.core.errors import AppError
from app.core.logging import get_logger
from app.domain import retry
from app.domain.brake import hold_reason
from app.domain.changes import Mode
from app.domain.options import brake_of
from app.domain.sync_states import SyncState
from app.services.accounts import Account, open_account
from app.services.delivery import planning_refused
from app.services.planning import batches, dry_run, made_lists
from app.services.platform import (
    LeaseLost,
    Platform,
    activation_folder,
    fetch_manifest,
    fresh_key,
    lease_owner,
    run_leased,
    store_file,
    wake_deliver,
    wake_plan,
    wake_settle,
)
from app.services.revision import (
    AUDIENCE_NAME,
    EXITS_FIRST,
    PLACES,
    Revision,
    build_plan_spec,
    constants,
    spec_to_json,
)
from app.services.syncs import (
    is_outdated,
    notify_sync_ended,
    notify_sync_held,
    pin_snapshots,
    pinned_snapshots,
    replace_sync,
    write_state,
)
from app.snapshots.engine import Manifest, PlanSpec, PlanStats, StoredFile
from app.snapshots.plans import write_plan
from app.storage.models import Activation, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.spaces import SpaceRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

MAX_ATTEMPTS = 8  # of a dry run; a sync is tried until it succeeds
SHOWN_AFTER = 3  # failed attempts, before the activation shows the error
_RELEASED: dict[str, Any] = {
    "lease_owner": None,
    "lease_until": None,
    "next_at": None,
    "attempts": 0,
    "error": None,
}


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed sync, with everything that its plan is computed from."""

    sync: Sync
    activation: Activation
    revision_id: str
    revision: Revision
    account: Account
    wanted: tuple[Manifest, ...]
    holdings: Manifest
    first_plan: bool
    spec: PlanSpec
    audience_name: str


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
        lost=partial(log.warning, "plan_lease_lost", sync_id=sync_id),
    )


async def _plan(platform: Platform, sync: Sync) -> None:
    work = await _begin(platform, sync)
    if work is None:
        return
    stats, file = await _write(platform, work)
    if not await _can_be_sent(platform, work, stats):
        return
    await _commit(platform, work, stats, file)
    if work.sync.kind == "dry_run":
        await _complete_dry_run(platform, work, stats)


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
        case AppError():
            await _fail(platform, sync, {"message": str(error)})
        case _:
            log.error("plan_failed", sync_id=sync.id, exc_info=error)
            await _later_or_fail(platform, sync, error)


async def _begin(platform: Platform, sync: Sync) -> Work | None:
    """Gather in one transaction under the lease; an error ends the attempt. Raises LeaseLost."""
    async with platform.unit_of_work() as session:
        lease = platform.settings.lease
        if not await SyncRepository(session).renew(sync.space_id, sync.id, sync.lease_token, lease):
            raise LeaseLost
        return await _gather(platform, session, sync)


async def _gather(platform: Platform, session: AsyncSession, sync: Sync) -> Work | None:
    """Pin and read what the plan is computed from. Returns None during the settle time (R11)."""
    repository = SyncRepository(session)
    settled_at = await repository.settled_at(
        sync.space_id, sync.activation_id, platform.settings.settle_time
    )
    if settled_at is not None and sync.kind != "dry_run":
        # Waiting does not count as an attempt.
        await repository.release(
            sync.space_id,
            sync.id,
            sync.lease_token,
            until=settled_at,
            attempts=sync.attempts - 1,
        )
        wait = settled_at - await RunRepository(session).database_now()
        wake_plan(session, sync, delay=max(wait, timedelta(0)))
        return None
    activation = await ActivationRepository(session).get_any(sync.space_id, sync.activation_id)
    assert activation is not None  # noqa: S101  a foreign key
    stored = await RevisionRepository(session).get(sync.space_id, activation.revision_id)
    destination = await DestinationRepository(session).get(sync.space_id, sync.destination_id)
    assert stored is not None and destination is not None  # noqa: S101, PT018  foreign keys
    revision = Revision.parse(stored.config)
    await pin_snapshots(session, sync)
    snapshots = await pinned_snapshots(session, sync, activation, revision)
    audience = await AudienceRepository(session).get(sync.space_id, activation.audience_id)
    assert audience is not None  # noqa: S101  a foreign key
    last = await repository.last_planned(sync.space_id, sync.activation_id)
    # Changes refused under another revision are sent once more; that is done when a sync under this one has ended.
    is_new = not await repository.is_delivered(sync.space_id, sync.activation_id, stored.id)
    workspace_id = await SpaceRepository(session).workspace_of(sync.space_id)
    account = open_account(platform.keyring, workspace_id, destination)
    return Work(
        sync=sync,
        activation=activation,
        revision_id=stored.id,
        revision=revision,
        account=account,
        wanted=tuple(Manifest.from_json(snapshot.manifest) for snapshot in snapshots),
        holdings=Manifest.from_json(activation.holdings),
        # A test send may have left something in the holdings before the first plan.
        first_plan=activation.holdings is None or last is None,
        spec=_spec(
            sync,
            account,
            revision,
            made_lists=await ConnectionRepository(session).made_lists(activation),
            retry_refused=sync.retry_refused or is_new,
        ),
        audience_name=audience.name,
    )


def _spec(
    sync: Sync,
    account: Account,
    revision: Revision,
    *,
    made_lists: Mapping[str, str],
    retry_refused: bool,
) -> PlanSpec:
    definition = account.definition
    fixed = constants(definition, revision)
    # The trigger of a dry run is the kind of the sync that it predicts.
    kind = sync.trigger if sync.kind == "dry_run" else sync.kind
    return build_plan_spec(
        definition,
        revision,
        kind=kind,
        sync_number=sync.number,
        activation_id=sync.activation_id,
        max_rows=registry.rows_per_call(
            account.connector_class,
            account.settings,
            revision.connection_settings,
            fixed,
        ),
        made_lists=made_lists,
        retry_refused=retry_refused,
    )


async def _write(platform: Platform, work: Work) -> tuple[PlanStats, StoredFile | None]:
    wanted = [await fetch_manifest(platform.objects, manifest) for manifest in work.wanted]
    holdings = await fetch_manifest(platform.objects, work.holdings)
    out = platform.engine.scratch_file(".parquet")
    try:
        stats = await platform.engine.run(write_plan, work.spec, wanted, holdings, out)
        if stats.changes + stats.silent == 0:
            return stats, None
        folder = activation_folder(work.sync.space_id, work.sync.activation_id)
        key = fresh_key(f"{folder}/syncs/{work.sync.id}", "plan")
        return stats, await store_file(platform.objects, out, key, stats.changes + stats.silent)
    finally:
        out.unlink(missing_ok=True)


async def _can_be_sent(platform: Platform, work: Work, stats: PlanStats) -> bool:
    """Create the lists that the plan needs. Returns False if the partner refuses; then the refusal is recorded."""
    if not stats.cuts or work.sync.kind == "dry_run":
        return True
    try:
        await made_lists.ensure_lists(
            platform, work.activation, work.account, work.revision, stats.cuts
        )
    except (AuthenticationRejected, ConfigurationRejected) as error:
        if not await planning_refused(platform, work.sync, work.account, error):
            await _later(platform, work.sync, {"message": error.message, "code": error.code})
        return False
    return True


async def _commit(
    platform: Platform, work: Work, stats: PlanStats, file: StoredFile | None
) -> None:
    async with platform.unit_of_work() as session:
        repository = SyncRepository(session)
        activation = await ActivationRepository(session).get_any(
            work.sync.space_id, work.sync.activation_id, lock="update"
        )
        assert activation is not None  # noqa: S101  a foreign key
        held_because = (
            None if work.sync.kind == "dry_run" else _hold_reason(activation, work, stats)
        )
        # A dry run is complete when its report is stored; until then it can be planned again.
        state = (
            SyncState.NEW
            if work.sync.kind == "dry_run"
            else SyncState.HELD
            if held_because
            else SyncState.PENDING
        )
        now = await RunRepository(session).database_now()
        written = await write_state(
            session,
            work.sync,
            state,
            revision_id=work.revision_id,
            plan=file.to_json() if file else None,
            spec={
                **spec_to_json(work.spec),
                AUDIENCE_NAME: work.audience_name,
                EXITS_FIRST: stats.moves or batches.places_change(stats.cuts),
                PLACES: batches.places_of(stats.cuts),
            },
            planned_at=now,
            wanted=stats.wanted,
            held=stats.held,
            entered=stats.entered,
            exited=stats.exited,
            updated=stats.updated,
            left_out=dict(stats.left_out),
            batches=len(stats.cuts),
            hold_reason=held_because,
            **({} if work.sync.kind == "dry_run" else _RELEASED),
        )
        if not written:
            raise LeaseLost
        sync = await repository.get(work.sync.space_id, work.sync.id)
        assert sync is not None  # noqa: S101  it was just written
        if sync.kind != "dry_run":
            session.add_all(batches.batches_of(sync, stats.cuts))
            await session.flush()
        if sync.state == SyncState.HELD and await is_outdated(session, activation, sync):
            await replace_sync(session, activation, sync)
        elif sync.state == SyncState.HELD:
            notify_sync_held(session, activation, sync)
        elif sync.state == SyncState.PENDING and sync.closing is None and stats.cuts:
            wake_deliver(session, sync)
        elif sync.state == SyncState.PENDING:
            wake_settle(session, sync)
    log.info(
        "sync_planned",
        sync_id=work.sync.id,
        state=state,
        entered=stats.entered,
        exited=stats.exited,
        updated=stats.updated,
    )


async def _complete_dry_run(platform: Platform, work: Work, stats: PlanStats) -> None:
    sync = work.sync
    async with platform.unit_of_work() as session:
        planned = await SyncRepository(session).get(sync.space_id, sync.id)
    assert planned is not None  # noqa: S101  it was just written
    report = await dry_run.dry_run_report(platform, planned, stats.cuts)
    report["heldBecause"] = _hold_reason(work.activation, work, stats)
    async with platform.unit_of_work() as session:
        now = await RunRepository(session).database_now()
        written = await write_state(
            session,
            sync,
            SyncState.COMPLETE,
            report=report,
            finished_at=now,
            **_RELEASED,
        )
        if not written:
            raise LeaseLost


def _hold_reason(activation: Activation, work: Work, stats: PlanStats) -> str | None:
    return hold_reason(
        brake_of(activation.options),
        mode=Mode(work.spec.mode),
        removals=stats.exited,
        held=stats.held,
        wanted=stats.wanted,
        first_plan=work.first_plan,
    )


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


async def _give_back(platform: Platform, sync: Sync) -> None:
    """Release the sync without counting the attempt (R18)."""
    async with platform.unit_of_work() as session:
        await SyncRepository(session).release(
            sync.space_id, sync.id, sync.lease_token, attempts=sync.attempts - 1
        )
