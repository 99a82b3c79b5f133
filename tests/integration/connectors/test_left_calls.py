"""Import jobs that the service does not wait for any more: what they may still add is removed in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from app.core import clock
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services import syncs
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


def emails(partner: KlaviyoEmulator) -> set[str]:
    return {member["email"] for member in partner.members(LIST) or []}


def end_jobs(partner: KlaviyoEmulator) -> None:
    for job in partner.account.jobs.values():
        job.due = 0


class TestCancelled:
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
                await syncs.cancel_sync(
                    session, flow.space_id, activation, sync_id, actor="test", now=clock.now()
                )
            await flow.quiet(activation)
            partner.account.job_seconds = 0.02
            await flow.members(range(10))
            await flow.quiet(activation)
            end_jobs(partner)
            assert len(emails(partner)) == 20  # the cancelled job has added all of them
            await flow.members(range(9))
            await flow.quiet(activation)
            assert emails(partner) == {f"p{n}@example.com" for n in range(9)}


class TestEndless:
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
            await flow.members(range(11))
            await flow.quiet(activation)
            assert emails(partner) == {f"p{n}@example.com" for n in range(11)}
