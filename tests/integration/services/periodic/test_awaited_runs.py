"""One daily clock: an activation that is due computes its audiences first, and sends what they are then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.ids import new_id
from app.domain.activation_states import ActivationState
from app.domain.computing import NOT_COMPUTED
from app.services.audiences import computed_first
from app.services.periodic import awaited_runs
from app.services.periodic.due_schedules import open_due_schedules
from app.storage.models import Activation, Audience, AudienceSchedule, Notice, Run
from tests.flow import Flow

pytestmark = pytest.mark.installation(stepped=True)

DAILY = {"type": "daily", "at": "06:30", "zone": "UTC"}
FIRST = datetime(2031, 3, 10, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)
#: As many members as the day of the month, so each day one enters.
BY_DAY = "SELECT 'p' || n AS profile_id FROM range(1, day($as_of::TIMESTAMP) + 1) AS days(n)"
BROKEN = "SELECT profile_id FROM nowhere"
NOTICES = {"emails": ["ops@example.com"], "on": ["failed"]}


async def define(flow: Flow, query: str) -> None:
    async with flow.platform.unit_of_work() as session:
        audience = await session.get(Audience, (flow.space_id, flow.audience_id))
        assert audience is not None
        audience.query = query


async def due_at(flow: Flow, moment: datetime, **options: Any) -> str:
    """Create an activation that sends by member id and is due at a moment; nothing was sent."""
    activation = await flow.activate(
        resync=True,
        options={"frequency": DAILY, **options},
        idSync=[{"externalId": "user_id", "strategy": "last"}],
    )
    await make_due(flow, activation, moment)
    return activation


async def make_due(flow: Flow, activation: str, moment: datetime) -> None:
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation))
        assert row is not None
        row.next_due_at = moment


async def schedule(flow: Flow, moment: datetime) -> None:
    """Add a schedule to the audience that is due at a moment, and then each day."""
    async with flow.platform.unit_of_work() as session:
        session.add(
            AudienceSchedule(
                space_id=flow.space_id,
                id=new_id("sch"),
                audience_id=flow.audience_id,
                strategy="PERIODIC",
                config={"interval": "1d"},
                next_due_at=moment,
            )
        )


async def sweep(flow: Flow, now: datetime) -> int:
    async with flow.platform.unit_of_work() as session:
        return await open_due_schedules(session, now)


async def day(flow: Flow, moment: datetime, *activations: str) -> None:
    """Do all that a moment brings: the due activations, their runs, and their syncs."""
    await sweep(flow, moment)
    for activation in activations:
        if await runs(flow):
            await flow.finished((await runs(flow))[-1].id)
        await sweep(flow, moment + timedelta(seconds=5))
        if await flow.syncs(activation):
            await flow.quiet(activation)


async def runs(flow: Flow) -> list[Run]:
    async with flow.platform.unit_of_work() as session:
        return list((await session.scalars(select(Run).order_by(Run.created_at))).all())


async def notices(flow: Flow) -> int:
    async with flow.platform.unit_of_work() as session:
        return int(await session.scalar(select(func.count()).select_from(Notice)) or 0)


async def test_each_day_computes_and_sends(flow: Flow) -> None:
    await define(flow, BY_DAY)
    one, other = await due_at(flow, FIRST), await due_at(flow, FIRST)
    for number in range(3):
        moment = FIRST + number * DAY
        await day(flow, moment, one, other)
        assert [run.as_of for run in await runs(flow)] == [
            FIRST + n * DAY for n in range(number + 1)
        ]
        for activation in (one, other):
            assert len(flow.received(activation)) == moment.day
            assert (await flow.activation(activation)).next_due_at == moment + DAY


@pytest.mark.walk
async def test_activations_of_one_moment_share_a_run_also_with_several_workers(flow: Flow) -> None:
    await define(flow, BY_DAY)
    due = [await due_at(flow, FIRST) for _ in range(2)]
    latest = await due_at(flow, FIRST + DAY)
    async with flow.platform.unit_of_work() as session:
        await open_due_schedules(session, FIRST)
        # Another worker, before the first one's transaction is committed.
        late = await due_at(flow, FIRST)
        await sweep(flow, FIRST + timedelta(seconds=1))
    await sweep(flow, FIRST + timedelta(seconds=2))
    (run,) = await runs(flow)
    assert (run.trigger, run.kind) == ("activation", "definition")
    await flow.finished(run.id)
    # This one comes when the run is complete: it was due before the run, so the run is new enough.
    await make_due(flow, latest, FIRST)
    await sweep(flow, FIRST + timedelta(seconds=10))
    for activation in (*due, late, latest):
        sync = await flow.quiet(activation)
        assert (sync.trigger, sync.state, sync.delivered) == ("schedule", "complete", 10)
    assert len(await runs(flow)) == 1


@pytest.mark.walk
async def test_after_a_failed_run_no_sync_is_opened_and_a_notice_is_left(flow: Flow) -> None:
    await define(flow, BROKEN)
    activation = await due_at(flow, FIRST, notifications=NOTICES)
    await day(flow, FIRST, activation)
    row = await flow.activation(activation)
    error = row.last_error or {}
    assert (await flow.syncs(activation), await notices(flow)) == ([], 1)
    assert (error["code"], error["at"]) == (NOT_COMPUTED, "2031-03-10T06:30:00.000Z")
    assert "'Buyers' could not be computed" in error["message"]
    assert "no dataset nowhere" in error["message"]
    assert (row.awaits_since, row.next_due_at, row.state) == (None, FIRST + DAY, "active")

    # The next day says so again. Within hours, it does not.
    await day(flow, FIRST + DAY, activation)
    assert await notices(flow) == 2
    await make_due(flow, activation, FIRST + DAY + timedelta(hours=1))
    await day(flow, FIRST + DAY + timedelta(hours=1), activation)
    assert (len(await runs(flow)), await notices(flow)) == (3, 2)

    # Repaired, it goes on.
    await define(flow, BY_DAY)
    await day(flow, FIRST + 2 * DAY, activation)
    assert len(flow.received(activation)) == 12
    assert (await flow.activation(activation)).last_error is None


@pytest.mark.walk
async def test_of_other_audiences_the_newest_snapshot_is_sent(flow: Flow) -> None:
    """A schedule computes the audience, or its members are uploaded: then the activation computes nothing."""
    await flow.members(range(3))
    uploaded = await due_at(flow, FIRST)
    assert await sweep(flow, FIRST) == 1
    assert (await flow.quiet(uploaded)).delivered == 3
    await define(flow, BY_DAY)
    await schedule(flow, FIRST + 7 * DAY)
    scheduled = await due_at(flow, FIRST)
    assert await sweep(flow, FIRST) == 1
    assert (await flow.quiet(scheduled)).delivered == 3
    assert [run.kind for run in await runs(flow)] == ["upload"]


async def test_one_that_is_stopped_while_it_waits_sends_nothing(flow: Flow) -> None:
    await define(flow, BY_DAY)
    activation = await due_at(flow, FIRST)
    await sweep(flow, FIRST)
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation))
        assert row is not None
        row.enabled, row.state = False, ActivationState.INACTIVE
    await flow.finished((await runs(flow))[0].id)
    await sweep(flow, FIRST + timedelta(seconds=5))
    assert (await flow.activation(activation)).awaits_since is None
    assert await flow.syncs(activation) == []


@pytest.mark.walk
async def test_times_that_come_while_it_waits_are_opened_once(flow: Flow) -> None:
    await define(flow, BY_DAY)
    activation = await due_at(flow, FIRST)
    for number in range(3):
        await sweep(flow, FIRST + number * DAY)
    assert len(await runs(flow)) == 1
    await flow.finished((await runs(flow))[0].id)
    await sweep(flow, FIRST + 3 * DAY - timedelta(seconds=1))
    await flow.quiet(activation)
    assert len(await flow.syncs(activation)) == 1


@pytest.mark.walk
async def test_a_fault_of_one_does_not_stop_the_others(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    await define(flow, BY_DAY)
    broken, sound = await due_at(flow, FIRST), await due_at(flow, FIRST)
    original = computed_first

    async def fails_for_one(session: Any, activation: Activation) -> Any:
        if activation.id == broken:
            raise ValueError("a fault")
        return await original(session, activation)

    monkeypatch.setattr(awaited_runs, "computed_first", fails_for_one)
    await day(flow, FIRST, sound)
    assert len(flow.received(sound)) == 10
    row = await flow.activation(broken)
    assert (row.awaits_since, row.next_due_at) == (None, FIRST + timedelta(hours=1))
