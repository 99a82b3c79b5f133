"""Failed runs of audiences: what activations say about them, and the notices."""

from __future__ import annotations

import pytest

from app.domain.computing import NOT_COMPUTED
from tests.flow import Flow
from tests.integration.services.periodic.test_awaited_runs import (
    BROKEN,
    BY_DAY,
    DAY,
    FIRST,
    NOTICES,
    define,
    due_at,
    notices,
    runs,
    schedule,
    sweep,
)

pytestmark = pytest.mark.installation(stepped=True)


@pytest.mark.walk
async def test_a_failed_run_that_nothing_waits_for_is_told_too(flow: Flow) -> None:
    """A schedule computes the audience. One activation follows its runs, the other one sends each day what there is."""
    await define(flow, BROKEN)
    await schedule(flow, FIRST)
    follows = await flow.activate(
        resync=True,
        options={"notifications": NOTICES},
        idSync=[{"externalId": "user_id", "strategy": "last"}],
    )
    daily = await due_at(flow, FIRST + 7 * DAY, notifications=NOTICES)
    idle = await flow.activate(enabled=False, options={"notifications": NOTICES})
    for number in range(2):  # the second failure is too soon for a second notice
        await sweep(flow, FIRST + number * DAY)
        run = await flow.finished((await runs(flow))[-1].id)
        assert (run.state, run.trigger, await notices(flow)) == ("failed", "schedule", 2)
    failed = (await runs(flow))[-1].id
    for activation in (follows, daily):
        error = (await flow.activation(activation)).last_error or {}
        assert (error["code"], error["runId"]) == (NOT_COMPUTED, failed)
        assert "'Buyers' could not be computed, so the destination keeps" in error["message"]
        assert "no dataset nowhere" in error["message"]
    assert (await flow.activation(idle)).last_error is None

    # Repaired, it goes on.
    await define(flow, BY_DAY)
    await sweep(flow, FIRST + 2 * DAY)
    await flow.finished((await runs(flow))[-1].id)
    await flow.quiet(follows)
    assert len(flow.received(follows)) == 12
    for activation in (follows, daily):
        assert (await flow.activation(activation)).last_error is None
