"""Locks are taken in one order: activations, their syncs, batches, and the account last (R7)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from app.services.activations import destinations
from app.storage.models import Activation, Space, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.destinations import DestinationRepository
from tests.flow import ACTOR, Flow, eventually
from tests.stepping import Hand


async def heal(flow: Flow) -> None:
    await flow.change_account({"batch_size": 7})


async def check(flow: Flow) -> None:
    """Check the account as the API does."""
    async with flow.platform.unit_of_work() as session:
        space = await session.get(Space, flow.space_id)
        assert space is not None
    result = await destinations.check_destination(
        flow.platform,
        workspace_id=space.workspace_id,
        space_id=flow.space_id,
        destination_id=flow.destination_id,
        connection_settings={},
        actor=ACTOR,
    )
    assert result.ok


async def somebody_waits(flow: Flow) -> bool:
    async with flow.platform.unit_of_work() as session:
        query = text(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(await session.scalar(query))


@pytest.mark.parametrize("healing", [heal, check])
class TestHealingAnAccount:
    async def test_it_gets_along_with_a_failure_that_is_being_recorded(
        self, flow: Flow, healing: object
    ) -> None:
        """The failure has locked its activation and needs the account."""
        assert callable(healing)
        activation = await flow.activate()
        async with flow.platform.unit_of_work() as session:
            await ActivationRepository(session).get_any(flow.space_id, activation, lock="update")
            other = asyncio.create_task(healing(flow))
            await eventually(lambda: somebody_waits(flow))
            await DestinationRepository(session).open_breaker(
                flow.space_id, flow.destination_id, timedelta(minutes=1), {"reason": "failed"}
            )
        await other

    async def test_it_gets_along_with_a_claim_that_probes(
        self, flow: Flow, healing: object
    ) -> None:
        """The claim has locked a sync and needs the account for its probe."""
        assert callable(healing)
        activation = await flow.activate(resync=True)
        await flow.supply([{"profile_id": "p1"}])
        await Hand(flow).once()
        async with flow.platform.unit_of_work() as session:
            await session.execute(
                update(Activation)
                .where(Activation.id == activation)
                .values(state="error", last_error={"pausedBy": "account"})
            )
        async with flow.platform.unit_of_work() as session:
            query = select(Sync).where(Sync.activation_id == activation).with_for_update()
            sync = (await session.scalars(query)).one()
            other = asyncio.create_task(healing(flow))
            await eventually(lambda: somebody_waits(flow))
            assert await DestinationRepository(session).begin_probe(
                flow.space_id, sync.id, timedelta(seconds=1)
            )
        await other
