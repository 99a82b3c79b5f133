"""Pins: the snapshots that a sync is planned from."""

from __future__ import annotations

import pytest

from tests.flow import Flow, worker
from tests.stepping import Hand


@pytest.mark.walk
async def test_a_newer_snapshot_does_not_change_a_baseline(flow: Flow) -> None:
    """A baseline keeps the snapshot of the moment in which the activation was created."""
    async with worker(flow.platform):
        await flow.members(range(10))
    activation = await flow.activate()
    await flow.supply({"profile_id": f"p{number}"} for number in range(12))
    await Hand(flow).quiet()
    assert [one.kind for one in await flow.syncs(activation)] == ["baseline", "incremental"]
    assert flow.received(activation) == {"p10", "p11"}
