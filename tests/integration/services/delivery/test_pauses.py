"""Pauses: an account or an activation in error, until it is changed or enabled again."""

from __future__ import annotations

import pytest

from app.core import clock
from app.domain.activation_states import ActivationState
from app.services.reports import status
from app.services.syncs import lifecycle, syncs
from app.storage.models import Activation, Destination
from tests.flow import ACTOR, Flow, eventually
from tests.integration.services.delivery.scene import attempts, ids

pytestmark = pytest.mark.installation(stepped=True)


class TestRefusalOfTheWhole:
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
            await syncs.start_sync(
                session, row, kind="incremental", dry_run=False, actor=ACTOR, now=clock.now()
            )
        sync = await flow.quiet(activation)
        assert (sync.state, sync.delivered) == ("complete", 5)

    async def test_410_pauses_at_once(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "status", "status": 410})
        await flow.members(range(5))
        sync = await flow.quiet(activation)
        assert (sync.state, len(await attempts(flow))) == ("failed", 1)
        assert (await flow.activation(activation)).state == "error"


class TestCredentials:
    async def test_401_pauses_all_activations_of_the_account_and_new_settings_heal_them(
        self, flow: Flow
    ) -> None:
        first, second = await flow.activate(), await flow.activate()
        flow.sandbox.faults.add({"kind": "status", "status": 401})
        await flow.members(range(5))
        await eventually(lambda: _in_error(flow, (first, second)))
        await flow.quiet(first)
        await flow.quiet(second)
        flow.sandbox.faults.clear()
        async with flow.platform.unit_of_work() as session:
            account = await session.get(Destination, (flow.space_id, flow.destination_id))
            assert account is not None
            assert account.open_until is not None
            await lifecycle.account_healed(session, account, actor=ACTOR, now=clock.now())
        await flow.members(range(6))
        for activation in (first, second):
            await flow.quiet(activation)
            assert flow.received(activation) == ids(range(6))


async def _in_error(flow: Flow, activations: tuple[str, ...]) -> bool:
    return all([(await flow.activation(one)).state == "error" for one in activations])
