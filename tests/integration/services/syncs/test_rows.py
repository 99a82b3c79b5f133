"""Rows of syncs and accounts: probes, the breaker, and NULL columns that the collector reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.services.periodic.collector import collect_files
from app.services.syncs import lifecycle
from app.storage.models import Destination
from app.storage.repositories.destinations import DestinationRepository
from tests.flow import ACTOR, Flow

pytestmark = pytest.mark.installation(stepped=True)


class TestBreaker:
    async def test_a_healed_account_is_not_probed_any_more(self, flow: Flow) -> None:
        async with flow.platform.unit_of_work() as session:
            await DestinationRepository(session).open_breaker(
                flow.space_id, flow.destination_id, timedelta(seconds=-1), {"openings": 1}
            )
        async with flow.platform.unit_of_work() as session:
            account = await session.get(Destination, (flow.space_id, flow.destination_id))
            assert account is not None
            await lifecycle.account_healed(session, account, actor=ACTOR)
        assert await _breaker_is_null(flow)

    @pytest.mark.walk
    async def test_a_probe_that_goes_well_closes_the_breaker(self, flow: Flow) -> None:
        async with flow.platform.unit_of_work() as session:
            await DestinationRepository(session).open_breaker(
                flow.space_id, flow.destination_id, timedelta(seconds=-1), {"openings": 1}
            )
        activation = await flow.activate()
        await flow.members(range(5))
        await flow.quiet(activation)
        assert await _breaker_is_null(flow)


async def _breaker_is_null(flow: Flow) -> bool:
    async with flow.platform.unit_of_work() as session:
        query = text("SELECT breaker IS NULL FROM destination WHERE id = :id")
        return bool(await session.scalar(query, {"id": flow.destination_id}))


class TestCollector:
    @pytest.mark.walk
    async def test_it_reads_syncs_without_a_plan_and_activations_without_holdings(
        self, flow: Flow
    ) -> None:
        activation = await flow.activate()
        await flow.members(range(5))
        await flow.quiet(activation)
        await flow.members(range(5))
        sync = await flow.quiet(activation)
        assert sync.planned == 0
        await collect_files(flow.platform)
