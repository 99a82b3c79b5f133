"""A planned sync: its plan, batches and state, stored in one transaction; the brake decides whether it is on hold."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import LeavesWork
from app.core.logging import get_logger
from app.domain.brake import hold_reason
from app.domain.changes import Mode
from app.domain.options import brake_of
from app.domain.sync_states import SyncState
from app.services.places import check_unchanged
from app.services.planning import batches, dry_run
from app.services.planning.plan_inputs import PlanInputs
from app.services.planning.withheld import Withheld
from app.services.platform import (
    LeaseLost,
    Platform,
    retry_transaction,
    wake_deliver,
    wake_settle,
)
from app.services.revision import (
    AUDIENCE_NAME,
    CALLS,
    EXITS_FIRST,
    KEY_RULES,
    OWNERS_UNTIL,
    PLACES,
    RULE_CHANGES,
    spec_to_json,
)
from app.services.syncs import (
    is_outdated,
    note_planned,
    notify_sync_held,
    replace_sync,
    write_state,
)
from app.snapshots.engine import PlanStats, StoredFile
from app.storage.models import Activation, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.places import PlaceRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

_AT_ONCE = 1_000  # batches that are written, and in memory, at a time
_RELEASED: dict[str, Any] = {
    "lease_owner": None,
    "lease_until": None,
    "next_at": None,
    "attempts": 0,
    "error": None,
}


async def store_plan(
    platform: Platform,
    inputs: PlanInputs,
    stats: PlanStats,
    file: StoredFile | None,
    withheld: Withheld | None,
) -> None:
    """Store a plan with its batches, and wake what follows.

    Raises LeaseLost, and PlacesChanged if another activation at the same place has changed since ``inputs`` were read.
    """
    state = await retry_transaction(
        platform.unit_of_work, partial(_store, inputs, stats, file, withheld)
    )
    log.info(
        "sync_planned",
        sync_id=inputs.sync.id,
        state=state,
        entered=stats.entered,
        exited=stats.exited,
        updated=stats.updated,
    )


async def _store(
    inputs: PlanInputs,
    stats: PlanStats,
    file: StoredFile | None,
    withheld: Withheld | None,
    session: AsyncSession,
) -> str:
    """Store the plan under the lease of its sync, and the lock of its places. Returns the state of the sync."""
    if inputs.neighbours.places and inputs.sync.kind != "dry_run":
        await _hold_places(session, inputs, stats)
    activation = await ActivationRepository(session).get_any(
        inputs.sync.space_id, inputs.sync.activation_id, lock="update"
    )
    assert activation is not None  # noqa: S101  a foreign key
    if withheld is not None:
        withheld.apply(activation)
    if inputs.sync.kind != "dry_run":
        note_planned(activation, inputs.sync, inputs.spec, stats, inputs.wanted)
    sync = await _write(session, activation, inputs, stats, file)
    state = sync.state
    if sync.kind != "dry_run":
        await _add_batches(session, inputs, sync, stats)
    await _continue(session, activation, sync, stats)
    return state


async def _add_batches(
    session: AsyncSession, inputs: PlanInputs, sync: Sync, stats: PlanStats
) -> None:
    """Add the batches of the plan. A partner that has jobs, or takes calls by their bytes, gets one call for each."""
    account = inputs.account
    one_call = account.definition.max_bytes or issubclass(account.connector_class, LeavesWork)
    made, count = batches.batches_of(sync, stats.cuts, many_calls=not one_call), 0
    while some := list(islice(made, _AT_ONCE)):
        session.add_all(some)
        await session.flush()
        for batch in some:
            session.expunge(batch)
        count += len(some)
    sync.batches = count
    await session.flush()


async def _hold_places(session: AsyncSession, inputs: PlanInputs, stats: PlanStats) -> None:
    """Lock the places of the plan, check who is there, and record the activations that changes wait for."""
    where = inputs.sync.space_id, inputs.sync.activation_id
    await check_unchanged(session, *where, inputs.neighbours)
    seen = inputs.neighbours.versions(stats.waits_for)
    await PlaceRepository(session).replace_waits(*where, seen)


async def _write(
    session: AsyncSession,
    activation: Activation,
    inputs: PlanInputs,
    stats: PlanStats,
    file: StoredFile | None,
) -> Sync:
    """Write the plan into the row of the sync, under its lease."""
    sync = inputs.sync
    is_dry_run = sync.kind == "dry_run"
    reason = None if is_dry_run else _hold_reason(activation, inputs, stats)
    written = await write_state(
        session,
        sync,
        _state(is_dry_run=is_dry_run, on_hold=reason is not None),
        revision_id=inputs.revision_id,
        plan=file.to_json() if file else None,
        spec=_stored_spec(inputs, stats),
        planned_at=await RunRepository(session).database_now(),
        hold_reason=reason,
        **_counts(stats),
        **({} if is_dry_run else _RELEASED),
    )
    if not written:
        raise LeaseLost
    planned = await SyncRepository(session).get(sync.space_id, sync.id)
    assert planned is not None  # noqa: S101  it was just written
    return planned


def _state(*, is_dry_run: bool, on_hold: bool) -> SyncState:
    if is_dry_run:
        # A dry run is complete when its report is stored; until then it can be planned again.
        return SyncState.NEW
    return SyncState.HELD if on_hold else SyncState.PENDING


def _stored_spec(inputs: PlanInputs, stats: PlanStats) -> dict[str, Any]:
    return {
        **spec_to_json(inputs.spec),
        AUDIENCE_NAME: inputs.audience_name,
        EXITS_FIRST: stats.moves or batches.places_change(stats.runs),
        OWNERS_UNTIL: batches.owners_until(stats.runs),
        PLACES: batches.places_of(stats.runs),
        CALLS: len(stats.cuts),
        KEY_RULES: sorted(stats.rules),
        RULE_CHANGES: asdict(stats.rule_changes),
    }


def _counts(stats: PlanStats) -> dict[str, Any]:
    return {
        "wanted": stats.wanted,
        "held": stats.held,
        "entered": stats.entered,
        "exited": stats.exited,
        "updated": stats.updated,
        "left_out": dict(stats.left_out),
        "batches": len(stats.cuts),
    }


async def _continue(
    session: AsyncSession, activation: Activation, sync: Sync, stats: PlanStats
) -> None:
    """Replace an outdated plan on hold, notify of one on hold, or wake delivery or settling."""
    if sync.state == SyncState.HELD and await is_outdated(session, activation, sync):
        await replace_sync(session, activation, sync)
    elif sync.state == SyncState.HELD:
        notify_sync_held(session, activation, sync)
    elif sync.state == SyncState.PENDING and sync.closing is None and stats.cuts:
        wake_deliver(session, sync)
    elif sync.state == SyncState.PENDING:
        wake_settle(session, sync)


async def complete_dry_run(platform: Platform, inputs: PlanInputs, stats: PlanStats) -> None:
    """Store the report of a planned dry run, and complete it. Raises LeaseLost."""
    sync = inputs.sync
    async with platform.unit_of_work() as session:
        planned = await SyncRepository(session).get(sync.space_id, sync.id)
    assert planned is not None  # noqa: S101  it was just written
    report = await dry_run.dry_run_report(platform, planned, stats.cuts, inputs.spec, inputs.wanted)
    report["heldBecause"] = _hold_reason(inputs.activation, inputs, stats)

    async def write(session: AsyncSession) -> bool:
        now = await RunRepository(session).database_now()
        return await write_state(
            session, sync, SyncState.COMPLETE, report=report, finished_at=now, **_RELEASED
        )

    if not await retry_transaction(platform.unit_of_work, write):
        raise LeaseLost


def _hold_reason(activation: Activation, inputs: PlanInputs, stats: PlanStats) -> str | None:
    by_brake = hold_reason(
        brake_of(activation.options),
        mode=Mode(inputs.spec.mode),
        leaving=stats.leaving,
        of_members=stats.of_members,
        first_plan=inputs.first_plan,
    )
    by_rules = stats.rule_changes.hold_reason if stats.changes else None
    reasons = [reason for reason in (by_rules, by_brake) if reason]
    return " ".join(reasons) or None
