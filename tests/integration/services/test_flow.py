"""The flow from supplied members to holdings: snapshot, plan, batches, receipts; and the next sync."""

from __future__ import annotations

import pytest

from tests.flow import Flow

pytestmark = pytest.mark.installation(worker=True)


class TestFirstSync:
    async def test_resync_on_creation_sends_all_members(self, flow: Flow) -> None:
        await flow.members(range(250))
        activation = await flow.activate(resync=True)
        sync = await flow.quiet(activation)
        assert (sync.state, sync.kind) == ("complete", "resync")
        assert (sync.entered, sync.delivered, sync.rejected) == (250, 250, 0)
        assert flow.received(activation) == {f"p{i}" for i in range(250)}
        row = await flow.activation(activation)
        assert (row.held, row.resync_done) == (250, 1)

    async def test_without_resync_the_members_of_the_moment_are_taken_as_there(
        self, flow: Flow
    ) -> None:
        await flow.members(range(10))
        activation = await flow.activate()
        sync = await flow.quiet(activation)
        assert (sync.kind, sync.state, sync.planned) == ("baseline", "complete", 0)
        assert flow.received(activation) == set()
        row = await flow.activation(activation)
        assert (row.held, row.assumed, row.baseline_wanted) == (10, 10, False)
        await flow.members(range(5, 12))
        sync = await flow.quiet(activation)
        assert (sync.kind, sync.entered, sync.exited) == ("incremental", 2, 5)

    async def test_without_a_snapshot_the_first_one_enters(self, flow: Flow) -> None:
        activation = await flow.activate()
        await flow.members(range(3))
        sync = await flow.quiet(activation)
        assert (sync.kind, sync.entered) == ("incremental", 3)
        assert flow.received(activation) == {"p0", "p1", "p2"}


class TestNextSync:
    async def test_sends_the_difference_and_nothing_else(self, flow: Flow) -> None:
        activation = await flow.activate()
        await flow.members(range(100))
        await flow.quiet(activation)
        await flow.members(range(10, 130))
        sync = await flow.quiet(activation)
        assert (sync.entered, sync.exited, sync.updated, sync.delivered) == (30, 10, 0, 40)
        assert flow.received(activation) == {f"p{i}" for i in range(10, 130)}
        await flow.members(range(10, 130))
        sync = await flow.quiet(activation)
        assert (sync.planned, sync.state, sync.batches) == (0, "complete", 0)
