"""Ordinary work of two transactions ends without a deadlock, although foreign keys lock rows in an order of their own (R7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.services.syncs.lifecycle import open_sync
from app.storage.models import ActivationSource, MemberPatch
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.runs import RunRepository
from tests.flow import Flow
from tests.integration.services.audiences.supply import patch

Step = Callable[[AsyncSession], Awaitable[object]]


async def together(flow: Flow, first: tuple[Step, Step], second: tuple[Step, Step]) -> None:
    """Run two transactions, each with two steps; the second steps are begun when both first steps have ended."""
    barrier = asyncio.Barrier(2)

    async def run(steps: tuple[Step, Step]) -> None:
        async with flow.platform.unit_of_work() as session:
            await steps[0](session)
            await barrier.wait()
            await steps[1](session)

    await asyncio.gather(run(first), run(second))


@pytest.fixture
async def activation(flow: Flow) -> str:
    return await flow.activate()


async def test_a_source_is_added_while_a_snapshot_becomes_current(
    flow: Flow, activation: str
) -> None:
    """As options are saved (activation, then a row that names the audience), and as a run ends (audience, activation)."""

    async def lock_activation(session: AsyncSession) -> object:
        return await ActivationRepository(session).get_any(flow.space_id, activation, lock="update")

    async def lock_audience(session: AsyncSession) -> object:
        return await AudienceRepository(session).get(flow.space_id, flow.audience_id, lock="update")

    async def add_source(session: AsyncSession) -> object:
        ids = {"space_id": flow.space_id, "activation_id": activation}
        session.add(ActivationSource(**ids, position=7, audience_id=flow.audience_id))
        await session.flush()
        return None

    await together(flow, (lock_activation, add_source), (lock_audience, lock_activation))


async def test_a_sync_settles_while_a_failure_is_recorded(flow: Flow, activation: str) -> None:
    """A row that is updated twice has its foreign keys checked."""
    async with flow.platform.unit_of_work() as session:
        row = await ActivationRepository(session).get_any(flow.space_id, activation, lock="update")
        assert row is not None
        await open_sync(session, row, trigger="test", actor="test")

    async def update_sync(session: AsyncSession) -> object:
        return await session.execute(text("UPDATE sync SET attempts = attempts + 1"))

    async def lock_activation(session: AsyncSession) -> object:
        return await ActivationRepository(session).get_any(flow.space_id, activation, lock="update")

    await together(flow, (update_sync, update_sync), (lock_activation, update_sync))


async def test_a_member_is_patched_while_a_run_is_claimed(flow: Flow) -> None:
    run = await patch(flow, 1)

    async def lock_run(session: AsyncSession) -> object:
        return await RunRepository(session).require(flow.space_id, run.id, lock="update")

    async def add_patch(session: AsyncSession) -> object:
        ids = {"space_id": flow.space_id, "audience_id": flow.audience_id, "run_id": run.id}
        session.add(MemberPatch(**ids, add=[], remove=[]))
        await session.flush()
        return None

    async def lock_audience(session: AsyncSession) -> object:
        return await AudienceRepository(session).get(flow.space_id, flow.audience_id, lock="update")

    await together(flow, (lock_run, add_patch), (lock_audience, lock_run))
