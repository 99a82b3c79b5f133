"""The summary of a space: what needs attention."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core import clock
from app.storage.models import Audience, AudienceSchedule, Destination, Run
from tests.integration.api_extensions.desk import Desk


@pytest.mark.walk
async def test_each_kind_of_trouble_is_in_the_summary(desk: Desk) -> None:
    flow = desk.flow
    activation, sync = await desk.hold()
    other = await flow.another_audience()
    stopped = await flow.activate()
    async with flow.platform.unit_of_work() as session:
        now = clock.now()
        row = await session.get(Destination, (flow.space_id, flow.destination_id))
        assert row is not None
        row.open_until = now + timedelta(minutes=5)
        common = {"space_id": flow.space_id, "audience_id": other.audience_id, "as_of": now}
        session.add(
            Run(
                **common,
                id="run_1",
                kind="definition",
                trigger="api",
                state="failed",
                error={"message": "The dataset has no column total."},
                created_by="test",
            )
        )
        session.add(
            AudienceSchedule(
                space_id=flow.space_id,
                id="sch_1",
                audience_id=other.audience_id,
                strategy="SPECIFIC_DAYS",
                next_due_at=now - timedelta(minutes=20),
            )
        )
        halted = await flow.activation(stopped)
        halted.state, halted.last_error = "error", {"message": "Refused (401)."}  # type: ignore[assignment]
        await session.merge(halted)
    found = (await desk.data("GET", "summary"))["summary"]
    assert [(one["syncId"], one["activationId"], one["exited"]) for one in found["onHold"]] == [
        (sync, activation, 20)
    ]
    assert [(one["activationId"], one["message"]) for one in found["inError"]] == [
        (stopped, "Refused (401).")
    ]
    assert [(one["name"], one["message"]) for one in found["failedRuns"]] == [
        ("Others", "The dataset has no column total.")
    ]
    assert [one["name"] for one in found["pausedAccounts"]] == ["Hook"]
    assert [one["name"] for one in found["late"]] == ["Others"]
    assert found["activations"] == {"active": 1, "finished": 0, "inactive": 0, "error": 1}
    assert (found["delivered"], found["workers"]) == (20, 0)
    async with flow.platform.unit_of_work() as session:
        session.add(
            Run(
                **common,
                id="run_2",
                kind="definition",
                trigger="api",
                state="complete",
                created_by="t",
            )
        )
        audience = await session.get(Audience, (flow.space_id, other.audience_id))
        assert audience is not None
    found = (await desk.data("GET", "summary"))["summary"]
    assert found["failedRuns"] == [], "only the newest run counts"
