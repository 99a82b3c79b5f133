"""A dry run counts the changes of the next sync, and sends nothing."""

from __future__ import annotations

import pytest

from app.domain.activation_states import ActivationState
from app.services.syncs import syncs
from app.storage.models import Activation
from tests.flow import ACTOR, Flow, eventually

pytestmark = pytest.mark.installation(worker=True)


async def dry_run(flow: Flow, activation: str, kind: str = "incremental") -> str:
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation))
        assert row is not None
        sync = await syncs.start_sync(session, row, kind=kind, dry_run=True, actor=ACTOR)
        return sync.id


class TestDryRun:
    @pytest.mark.walk
    async def test_equals_what_the_sync_then_does(self, flow: Flow) -> None:
        activation = await flow.activate(enabled=False)
        await flow.members(range(250))
        async with flow.platform.unit_of_work() as session:
            row = await session.get(Activation, (flow.space_id, activation))
            assert row is not None
            row.enabled, row.state, row.baseline_wanted = True, ActivationState.ACTIVE, False
        sync_id = await dry_run(flow, activation)
        said = await eventually(lambda: _complete(flow, activation, sync_id))
        assert flow.receiver.stats()["messages"] == 0
        assert (said.entered, said.exited, said.report["calls"]) == (250, 0, 3)
        assert len(said.report["changes"]["entered"]) == 20
        request = said.report["requests"][0]
        assert request["url"].startswith(flow.sandbox.urls["webhook"])
        assert '"type":"audience.membership.changed"' in request["body"]
        assert request["headers"]["webhook-signature"] == "<…>"
        async with flow.platform.unit_of_work() as session:
            row = await session.get(Activation, (flow.space_id, activation))
            assert row is not None
            await syncs.start_sync(session, row, kind="incremental", dry_run=False, actor=ACTOR)
        done = await flow.quiet(activation)
        assert (done.entered, done.exited, done.batches) == (said.entered, said.exited, 3)


async def _complete(flow: Flow, activation: str, sync_id: str) -> object:
    for sync in await flow.syncs(activation):
        if sync.id == sync_id and sync.state == "complete":
            return sync
    return None
