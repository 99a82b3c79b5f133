"""Exits: what an erasure sends, what it waits for, and which destinations keep the person."""

from __future__ import annotations

import pytest

from app.services.syncs import configuration_changed
from app.storage.repositories.activations import ActivationRepository
from tests.flow import ACTOR, Flow
from tests.integration.services.erasure.leaks import (
    ADA,
    GRACE,
    ask_to_erase,
    carried_out,
    erase,
    leaks,
    one_pass,
)

pytestmark = pytest.mark.installation(stepped=True)


async def turn(flow: Flow, activation_id: str, *, on: bool) -> None:
    """Disable an activation, or enable it."""
    async with flow.platform.unit_of_work() as session:
        activation = await ActivationRepository(session).require_any(flow.space_id, activation_id)
        activation.enabled = on
        await configuration_changed(session, activation, resync=False, actor=ACTOR)


@pytest.mark.walk
async def test_a_disabled_activation_is_waited_for(flow: Flow) -> None:
    activation = await flow.activate(resync=True)
    await flow.upload([ADA, GRACE])
    await flow.quiet(activation)
    await turn(flow, activation, on=False)
    erasure_id = await ask_to_erase(flow)
    erasure = await one_pass(flow, erasure_id)
    assert [(one["reason"], one["activationId"]) for one in erasure.waits] == [
        ("activation_inactive", activation)
    ]
    assert flow.received(activation) == {"p-ada-17", "p-grace-3"}
    await turn(flow, activation, on=True)
    await carried_out(flow, erasure_id)
    assert flow.received(activation) == {"p-grace-3"}
    assert await leaks(flow) == []


@pytest.mark.walk
async def test_a_destination_that_gets_no_exits_keeps_the_person(flow: Flow) -> None:
    activation = await flow.activate(resync=True, mode="append")
    await flow.upload([ADA, GRACE])
    await flow.quiet(activation)
    erasure = await erase(flow)
    assert erasure.found["kept"] == [
        {"activationId": activation, "reason": "mode_append", "keys": 1}
    ]
    assert await leaks(flow) == []
    assert flow.received(activation) == {"p-ada-17", "p-grace-3"}


@pytest.mark.walk
async def test_a_plan_on_hold_with_the_person_is_replaced(flow: Flow) -> None:
    activation = await flow.activate(resync=True, brake=True)
    await flow.upload([GRACE, *({"profile_id": f"p{i}"} for i in range(20))])
    await flow.quiet(activation)
    await flow.upload([ADA, GRACE])
    assert (await flow.quiet(activation)).state == "held"
    await flow.upload([ADA, GRACE, *({"profile_id": f"p{i}"} for i in range(20))])
    await flow.quiet(activation)
    await erase(flow)
    assert await leaks(flow) == []
    assert "p-ada-17" not in flow.received(activation)


@pytest.mark.walk
async def test_a_daily_activation_does_not_wait_for_its_time(flow: Flow) -> None:
    daily = {"frequency": {"type": "daily", "at": "05:30", "timezone": "Europe/Berlin"}}
    activation = await flow.activate(resync=True, options=daily)
    await flow.upload([ADA, GRACE])
    await flow.quiet(activation)
    assert "p-ada-17" in flow.received(activation)
    await erase(flow)
    assert flow.received(activation) == {"p-grace-3"}
    assert await leaks(flow) == []
