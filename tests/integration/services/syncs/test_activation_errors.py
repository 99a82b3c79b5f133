"""Activations in error: their open sync is closed as failed, and they start again when they are enabled."""

from __future__ import annotations

import pytest

from app.core import clock
from app.domain.activation_states import ActivationState
from app.services.reports import status
from app.services.syncs import syncs
from app.storage.models import Activation
from tests.flow import ACTOR, Flow
from tests.integration.services.delivery.scene import attempts

pytestmark = pytest.mark.installation(stepped=True)


class TestRefusalOfTheWhole:
    @pytest.mark.walk
    async def test_three_tries_then_the_activation_is_in_error_and_nobody_is_rejected(
        self, flow: Flow
    ) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "status", "status": 404})
        await flow.members(range(5))
        sync = await flow.quiet(activation)
        row = await flow.activation(activation)
        assert (sync.state, sync.rejected, row.state) == ("failed", 0, ActivationState.ERROR)
        assert len(await attempts(flow)) == 3
        async with flow.platform.unit_of_work() as session:
            said = await status.activation_status(session, row, clock.now())
        assert said.note.startswith("Paused by an error")

    @pytest.mark.walk
    async def test_enabling_again_sends_what_was_not_sent(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "status", "status": 404})
        await flow.members(range(5))
        await flow.quiet(activation)
        flow.sandbox.faults.clear()
        async with flow.platform.unit_of_work() as session:
            row = await session.get(Activation, (flow.space_id, activation))
            assert row is not None
            row.state, row.failing_since = ActivationState.ACTIVE, None
            await syncs.start_sync(session, row, kind="incremental", dry_run=False, actor=ACTOR)
        sync = await flow.quiet(activation)
        assert (sync.state, sync.delivered) == ("complete", 5)

    async def test_410_pauses_at_once(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "status", "status": 410})
        await flow.members(range(5))
        sync = await flow.quiet(activation)
        assert (sync.state, len(await attempts(flow))) == ("failed", 1)
        assert (await flow.activation(activation)).state == "error"
