"""Pauses: an account or an activation in error, until it is changed or enabled again."""

from __future__ import annotations

import pytest

from app.services.syncs import lifecycle
from app.storage.models import Destination
from tests.flow import ACTOR, Flow, eventually
from tests.integration.services.delivery.scene import ids

pytestmark = pytest.mark.installation(stepped=True)


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
            await lifecycle.account_healed(session, account, actor=ACTOR)
        await flow.members(range(6))
        for activation in (first, second):
            await flow.quiet(activation)
            assert flow.received(activation) == ids(range(6))


async def _in_error(flow: Flow, activations: tuple[str, ...]) -> bool:
    return all([(await flow.activation(one)).state == "error" for one in activations])
