"""Import jobs that the service does not wait for any more: what they may still add is removed in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from app.core import clock
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services import syncs
from app.services.planning import left_calls
from app.services.platform.platform import Platform
from app.services.reports import activation_status
from app.storage.models import Activation
from app.storage.repositories.batches import BatchRepository
from tests.flow import Flow, eventually, installation, worker

LIST = "AbCdEf"


@asynccontextmanager
async def slow(platform: Platform) -> AsyncIterator[tuple[Flow, KlaviyoEmulator, str]]:
    """An activation of a Klaviyo account whose imports take a day."""
    partner = KlaviyoEmulator(job_seconds=86_400)
    partner.account.new_list("VIP", LIST)
    async with installation(platform) as flow, Sandbox([partner]) as sandbox, worker(platform):
        account = {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        await flow.use_account("klaviyo", account)
        activation = await flow.activate(connectionSettings={"list_id": LIST})
        yield flow, partner, activation


async def a_job_runs(flow: Flow, activation: str) -> str:
    """Wait until a batch is left with the partner. Returns the id of its sync."""

    async def look() -> str | None:
        newest = (await flow.syncs(activation))[-1]
        async with flow.platform.unit_of_work() as session:
            batches = await BatchRepository(session).of_sync(flow.space_id, newest.id)
        return newest.id if any(batch.continuation for batch in batches) else None

    found: str = await eventually(look)
    return found


async def held(flow: Flow, activation: str) -> int:
    return (await flow.activation(activation)).held


async def opened_after(flow: Flow, activation: str, number: int) -> bool:
    """Whether the end of a call has opened a sync after that number."""
    newest = (await flow.syncs(activation))[-1]
    return newest.number > number and newest.trigger == "call_ended"


async def left_by_itself(flow: Flow, activation: str) -> None:
    """Wait for the sync that the end of the job opens."""
    number = (await flow.syncs(activation))[-1].number
    await eventually(partial(opened_after, flow, activation, number), 20)
    await flow.quiet(activation)


def emails(partner: KlaviyoEmulator) -> set[str]:
    return {member["email"] for member in partner.members(LIST) or []}


def end_jobs(partner: KlaviyoEmulator) -> None:
    for job in partner.account.jobs.values():
        job.due = 0


class TestCancelled:
    @pytest.mark.walk
    async def test_members_that_a_cancelled_job_adds_leave_with_a_later_plan(
        self, platform: Platform
    ) -> None:
        async with slow(platform) as (flow, partner, activation):
            await flow.members(range(20))
            sync_id = await a_job_runs(flow, activation)
            async with platform.unit_of_work() as session:
                row = await session.get(Activation, (flow.space_id, activation))
                assert row is not None
                status = await activation_status(session, row, clock.now())
                assert "has worked on a batch since" in status.note
                await syncs.cancel_sync(session, flow.space_id, activation, sync_id, actor="test")
            await flow.quiet(activation)
            partner.account.job_seconds = 0.02
            await flow.members(range(10))
            await flow.quiet(activation)
            assert await held(flow, activation) == 20
            end_jobs(partner)
            assert len(emails(partner)) == 20  # the cancelled job has added all of them
            await left_by_itself(flow, activation)
            assert emails(partner) == {f"p{n}@example.com" for n in range(10)}


class TestEndless:
    @pytest.mark.walk
    async def test_its_sync_is_closed_when_something_newer_waits(self, platform: Platform) -> None:
        hasty = platform.settings.model_copy(
            update={"failing_batch_limit": timedelta(milliseconds=500)}
        )
        async with slow(replace(platform, settings=hasty)) as (flow, partner, activation):
            await flow.members(range(20))
            first = await a_job_runs(flow, activation)
            partner.account.job_seconds = 0.02
            await flow.members(range(12))
            await flow.quiet(activation)
            closed = next(sync for sync in await flow.syncs(activation) if sync.id == first)
            assert (closed.state, (closed.error or {})["code"]) == ("failed", "still_working")
            assert closed.delivered == 0
            end_jobs(partner)
            assert len(emails(partner)) == 20
            await left_by_itself(flow, activation)
            assert emails(partner) == {f"p{n}@example.com" for n in range(12)}


class TestUnreachable:
    @pytest.mark.walk
    async def test_a_call_that_cannot_be_asked_about_is_left_for_seven_days(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with slow(platform) as (flow, partner, activation):
            await flow.members(range(20))
            sync_id = await a_job_runs(flow, activation)
            async with platform.unit_of_work() as session:
                await syncs.cancel_sync(session, flow.space_id, activation, sync_id, actor="test")
            await flow.quiet(activation)
            partner.account.job_seconds = 0.02
            partner.keys.clear()
            before = (await flow.syncs(activation))[-1].number
            await asyncio.sleep(2)
            assert (await flow.syncs(activation))[-1].number == before
            monkeypatch.setattr(left_calls, "FORGOTTEN_AFTER", timedelta(seconds=1))
            await eventually(partial(opened_after, flow, activation, before))
