"""Whether an activation has something to send now."""

from __future__ import annotations

import pytest

from app.queue import Task
from app.services.syncs.staleness import is_due, something_newer, was_interrupted
from tests.flow import Flow
from tests.stepping import Hand

DAILY = {"frequency": {"type": "daily", "at": "00:00", "zone": "UTC"}}


async def looked_at(flow: Flow, activation: str) -> tuple[bool, bool, bool]:
    """Whether it is due, whether something is newer than what was sent, and whether the last sync was interrupted."""
    row = await flow.activation(activation)
    async with flow.platform.unit_of_work() as session:
        return (
            await is_due(session, row),
            await something_newer(session, row),
            await was_interrupted(session, row),
        )


@pytest.mark.walk
@pytest.mark.parametrize(("options", "follows"), [({}, True), (DAILY, False)])
async def test_a_newer_snapshot_is_due_if_the_activation_follows_runs(
    flow: Flow, options: dict[str, object], follows: bool
) -> None:
    hand = Hand(flow)
    await flow.supply([{"profile_id": "a"}])
    await hand.once(tasks=(Task.RECOMPUTE,))
    activation = await flow.activate(resync=True, options=options)
    await hand.quiet()
    assert await looked_at(flow, activation) == (False, False, False)
    await flow.supply([{"profile_id": "a"}, {"profile_id": "b"}])
    await hand.once(tasks=(Task.RECOMPUTE,))
    assert await looked_at(flow, activation) == (follows, True, False)


async def test_a_first_baseline_is_due(flow: Flow) -> None:
    activation = await flow.activate()
    assert (await looked_at(flow, activation))[0]
