"""The note of an activation's status: what it does, what is counted as already there, and what happens next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core import clock
from app.services.audiences import force_run
from app.services.periodic.due_schedules import open_due_schedules
from app.services.syncs import lifecycle
from app.storage.models import Activation, Audience
from tests.flow import ACTOR, Flow
from tests.integration.services.reports.test_status import note_of

pytestmark = pytest.mark.installation(stepped=True)

DAILY = {"frequency": {"type": "daily", "at": "06:30", "zone": "Europe/Berlin"}}
DUE = datetime(2031, 3, 10, 5, 30, tzinfo=UTC)
UPLOADED = "The newest upload of 'Buyers' counts; it is less than a minute old."
AT_SIX = "Next: at 2031-03-10 05:30 UTC, daily at 06:30 (Europe/Berlin), "
AFTER_UPLOADS = (
    "Next: what has changed is sent after each upload or change of the members of the audience 'Buyers'. "
    f"{UPLOADED}"
)


async def change(flow: Flow, activation: str, **values: Any) -> None:
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation))
        assert row is not None
        for name, value in values.items():
            setattr(row, name, value)
        await lifecycle.configuration_changed(session, row, resync=False, actor=ACTOR)


async def define(flow: Flow, query: str) -> None:
    async with flow.platform.unit_of_work() as session:
        audience = await session.get(Audience, (flow.space_id, flow.audience_id))
        assert audience is not None
        audience.query = query


@pytest.mark.walk
async def test_the_first_delivery_after_each_run(flow: Flow) -> None:
    early = await flow.activate()
    assert await note_of(flow, early) == (
        "Nothing has been sent yet: the audience 'Buyers' has not been computed. Its first members are all sent, since none "
        "was there when the activation was enabled. Next: what has changed is sent after each upload or change of the members "
        "of the audience 'Buyers'. 'Buyers' has no members yet: upload them with "
        f"PUT …/audiences/{flow.audience_id}/members."
    )
    await flow.members(range(1204))
    activation = await flow.activate(enabled=False)
    assert await note_of(flow, activation) == (
        "Disabled: nothing is sent. If it is enabled without sending its members first, they count as already there, and only later "
        "changes are sent."
    )
    await change(flow, activation, enabled=True, state="active")
    baseline = await flow.quiet(activation)
    assert (baseline.kind, baseline.planned, flow.received(activation)) == ("baseline", 0, set())
    path = f"/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}/syncs"
    counted = f'1,204 members counted as already there, so they were not sent. To send them: POST {path} with {{"kind": "resync"}}.'
    assert await note_of(flow, activation) == (
        f"The members of the start count as already there: nothing was sent for them. {counted} {AFTER_UPLOADS}"
    )
    # Later changes are delivered without waiting; who was counted still was not sent.
    await flow.members(range(1206))
    assert len(flow.received(activation)) == 2
    assert await note_of(flow, activation) == (
        f"The last sync sent 2 of 2 changes. {counted} {AFTER_UPLOADS}"
    )


@pytest.mark.walk
async def test_a_day_of_a_daily_activation(flow: Flow) -> None:
    await flow.members(range(3))
    activation = await flow.activate(resync=True, options=DAILY)
    await flow.quiet(activation)
    await change(flow, activation, next_due_at=DUE)
    # After a run of the audience, too, the next sync is at its time.
    await flow.members(range(4))
    sent = "The last sync sent 3 of 3 changes."
    assert await note_of(flow, activation) == (
        f"{sent} {AT_SIX}what has changed is sent. {UPLOADED}"
    )
    await define(flow, "SELECT profile_id FROM nowhere")
    assert await note_of(flow, activation) == (
        f"{sent} {AT_SIX}the audience 'Buyers' is computed, then what has changed is sent."
    )
    async with flow.platform.unit_of_work() as session:
        await open_due_schedules(session, DUE)
    assert await note_of(flow, activation) == (
        "A sync is due since 2031-03-10 05:30 UTC. It is opened when 'Buyers' is computed."
    )
    await flow.quiet(activation)
    async with flow.platform.unit_of_work() as session:
        await open_due_schedules(session, DUE + timedelta(seconds=5))
    note = await note_of(flow, activation)
    assert note.startswith(
        "The audience 'Buyers' could not be computed, so no sync was opened for 2031-03-10T05:30:00.000Z: "
    )
    assert note.endswith(
        "Next: at 2031-03-11 05:30 UTC, daily at 06:30 (Europe/Berlin), the audience 'Buyers' is computed, then what "
        "has changed is sent."
    )


async def test_an_audience_that_failed_before_the_start_is_named_with_its_reason(
    flow: Flow,
) -> None:
    await define(flow, "SELECT 'a' AS profile_id UNION ALL SELECT 'a'")
    async with flow.platform.unit_of_work() as session:
        run = await force_run(
            session, flow.space_id, flow.audience_id, actor=ACTOR, now=clock.now()
        )
    assert (await flow.finished(run.id)).state == "failed"
    activation = await flow.activate()
    note = await note_of(flow, activation)
    assert note.startswith(
        "Nothing has been sent yet: the audience 'Buyers' could not be computed, so it has no members: profile_id must be unique"
    )
    assert "The activation waits until a run of it is complete. Next: " in note
