"""Activations that are due by the clock: the runs that they wait for, and their syncs after these runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import to_wire
from app.domain.computing import NOT_COMPUTED
from app.domain.options import frequency_of
from app.domain.run_states import RunState
from app.domain.sync_states import SyncState
from app.services.audiences import computed_first, open_run
from app.services.periodic.due_rows import AFTER_A_FAULT, open_each
from app.services.syncs import (
    all_have_snapshots,
    is_at_work,
    is_outdated,
    open_sync,
    report_not_computed,
)
from app.storage.models import Activation, Audience, Run
from app.storage.repositories.awaited_runs import AwaitedRunQueries
from app.storage.repositories.syncs import SyncRepository

ACTOR = "schedule"
LIMIT = 100


async def open_awaited(session: AsyncSession, now: datetime) -> int:
    """Open the runs that due activations wait for, and the syncs of those whose runs are complete. Returns the number opened.

    One run of an audience serves all activations that were due before it. If it fails, no sync is opened. One worker at a
    time does this.
    """
    queries = AwaitedRunQueries(session)
    if not await queries.take_turn():
        return 0

    def put_off(activation: Activation) -> None:
        activation.awaits_since, activation.next_due_at = None, now + AFTER_A_FAULT

    opened = await open_each(
        session,
        {activation.id: activation for activation in await queries.take_ready(LIMIT)},
        lambda activation: _go_on(session, activation, now),
        fault="awaited_failed",
        put_off=put_off,
    )
    await session.flush()
    return opened


async def open_clocked(session: AsyncSession, activation: Activation) -> bool | None:
    """Open the sync of an activation that is due by the clock. Returns None if there is nothing to send, or if a plan waits.

    Returns False if another sync must end first.
    """
    if not await all_have_snapshots(session, activation):
        return None
    if await _waits_for_approval(session, activation):
        return None
    return await open_sync(session, activation, trigger="schedule", actor=ACTOR) is not None


async def _waits_for_approval(session: AsyncSession, activation: Activation) -> bool:
    """Whether a sync on hold already has the plan that a new one would have."""
    sync = await SyncRepository(session).open_of(activation.space_id, activation.id)
    if sync is None or sync.state != SyncState.HELD:
        return False
    return not await is_outdated(session, activation, sync)


async def _go_on(session: AsyncSession, activation: Activation, now: datetime) -> int:
    """Open the missing runs, give up after a failed one, or open the sync."""
    since = activation.awaits_since
    if since is None or not is_at_work(activation) or _follows_runs(activation):
        activation.awaits_since = None
        return 0
    audiences = {one.id: one for one in await computed_first(session, activation)}
    found = await AwaitedRunQueries(session).runs_since(activation.space_id, [*audiences], since)
    runs = [run for one in audiences if (run := _telling(found, one)) is not None]
    missing = audiences.keys() - {run.audience_id for run in runs}
    for audience_id in sorted(missing):
        await _compute(session, audiences[audience_id], now)
    if missing or any(run.state.is_open for run in runs):
        return len(missing)
    failed = next((run for run in runs if run.state == RunState.FAILED), None)
    if failed is not None:
        await _give_up(session, activation, audiences[failed.audience_id], failed, since)
        return 0
    return await _open(session, activation)


def _follows_runs(activation: Activation) -> bool:
    return frequency_of(activation.options).follows_runs


def _telling(runs: Sequence[Run], audience_id: str) -> Run | None:
    """Return the run that tells what became of an audience: a complete one, else an open one, else the newest."""
    own = [run for run in runs if run.audience_id == audience_id]
    complete = [run for run in own if run.state == RunState.COMPLETE]
    open_ = [run for run in own if run.state.is_open]
    return next((found[-1] for found in (complete, open_, own) if found), None)


async def _compute(session: AsyncSession, audience: Audience, now: datetime) -> None:
    await open_run(
        session,
        space_id=audience.space_id,
        audience=audience,
        kind="definition",
        trigger="activation",
        actor=ACTOR,
        now=now,
    )


async def _give_up(
    session: AsyncSession, activation: Activation, audience: Audience, run: Run, since: datetime
) -> None:
    """Write why no sync was opened, and leave a notice."""
    reason = (run.error or {}).get("message") or "see the run."
    message = (
        f"The audience {audience.name!r} could not be computed, so no sync was opened for {to_wire(since)}: {reason} "
        f"See the run {run.id}."
    )
    activation.awaits_since = None
    await report_not_computed(session, activation, run, message, since)


async def _open(session: AsyncSession, activation: Activation) -> int:
    """Open the sync of an activation whose audiences are computed; if another one must end first, it goes on waiting."""
    opened = await open_clocked(session, activation)
    if opened is False:
        return 0
    activation.awaits_since = None
    if (activation.last_error or {}).get("code") == NOT_COMPUTED:
        activation.last_error = None
    return int(opened or 0)
