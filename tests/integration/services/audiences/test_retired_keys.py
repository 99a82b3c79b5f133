"""Keys of deleted audiences: one that a partner's profiles may still carry is not assigned again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.core import clock
from app.services.activations import activations, connections
from app.services.audiences import audiences
from app.storage.models import ActivationSource
from tests.flow import ACTOR, Flow

pytestmark = pytest.mark.installation(stepped=True)


async def removed(flow: Flow, activation_ids: Sequence[str] = ()) -> None:
    """Delete the audience with its activations and its connection."""
    space_id, audience_id = flow.space_id, flow.audience_id
    async with flow.platform.unit_of_work() as session:
        for activation_id in activation_ids:
            await activations.remove_activation(
                session, space_id, audience_id, activation_id, actor=ACTOR, now=clock.now()
            )
        if flow.connection_id:
            await connections.remove_connection(
                session, space_id, audience_id, flow.connection_id, actor=ACTOR
            )
    async with flow.platform.unit_of_work() as session:
        await audiences.remove_audience(session, space_id, audience_id, actor=ACTOR)


async def created(flow: Flow, name: str) -> str:
    """Create an audience; its key."""
    async with flow.platform.unit_of_work() as session:
        view = await audiences.create_audience(
            session,
            space_id=flow.space_id,
            name=name,
            query="",
            audience_type="USERS",
            actor=ACTOR,
            now=clock.now(),
        )
        return view.audience.key


async def test_a_key_that_profiles_may_still_carry_is_not_assigned_again(flow: Flow) -> None:
    activation = await flow.activate()
    await flow.members(range(3))
    await flow.quiet(activation)
    await removed(flow, [activation])
    assert await created(flow, "Buyers") == "buyers_2"
    assert await created(flow, "BUYERS") == "buyers_3"


async def test_a_key_that_no_profile_carries_is_assigned_again(flow: Flow) -> None:
    activation = await flow.activate(mode="remove")
    await flow.members(range(3))
    await flow.quiet(activation)
    await removed(flow, [activation])
    assert await created(flow, "Buyers") == "buyers"


async def test_the_key_is_retired_when_a_source_of_its_deleted_activation_goes_first(
    flow: Flow,
) -> None:
    activation = await flow.activate()
    others = await flow.another_audience()
    await flow.members(range(3))
    await flow.quiet(activation)
    async with flow.platform.unit_of_work() as session:
        session.add(
            ActivationSource(
                space_id=flow.space_id,
                activation_id=activation,
                position=1,
                audience_id=others.audience_id,
            )
        )
    async with flow.platform.unit_of_work() as session:
        await activations.remove_activation(
            session, flow.space_id, flow.audience_id, activation, actor=ACTOR, now=clock.now()
        )
    async with flow.platform.unit_of_work() as session:
        await audiences.remove_audience(session, flow.space_id, others.audience_id, actor=ACTOR)
    await removed(flow)
    assert await created(flow, "Others") == "others"
    assert await created(flow, "Buyers") == "buyers_2"
