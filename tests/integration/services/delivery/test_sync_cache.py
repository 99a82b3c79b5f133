"""Syncs that cannot be loaded for delivery."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, update

from app.queue import Task
from app.services.syncs import settle
from app.storage.models import Batch, Sync
from tests.flow import Flow, eventually, worker
from tests.integration.services.delivery.scene import approve, failing_batch, held_sync
from tests.stepping import Hand


class TestBrokenSyncs:
    @pytest.mark.walk
    async def test_one_that_cannot_be_loaded_stops_nobody_else(self, flow: Flow) -> None:
        async with worker(flow.platform):
            broken = await flow.activate(brake=True)
            held = await held_sync(flow, broken)
            async with flow.platform.unit_of_work() as session:
                await session.execute(update(Sync).where(Sync.id == held.id).values(spec={}))
            await approve(flow, held)
            await eventually(lambda: failing_batch(flow, held), 30)
            other = await flow.activate(resync=True)
            sync = await flow.quiet(other)
        assert (sync.state, sync.delivered) == ("complete", 10)

    @pytest.mark.walk
    async def test_a_plan_that_is_gone_counts_as_a_failure(self, flow: Flow) -> None:
        async with worker(flow.platform):
            activation = await flow.activate(brake=True)
            held = await held_sync(flow, activation)
            assert held.plan is not None
            async with flow.platform.unit_of_work() as session:
                gone = {**held.plan, "key": f"{held.plan['key']}.gone"}
                await session.execute(update(Sync).where(Sync.id == held.id).values(plan=gone))
            await approve(flow, held)
            failing = await eventually(lambda: failing_batch(flow, held), 30)
        assert failing.attempts >= 1

    @pytest.mark.walk
    async def test_one_of_a_newer_version_waits_for_it_and_says_so(
        self, flow: Flow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a return to an earlier version: nothing is sent or settled, and nothing is lost."""
        monkeypatch.setattr(settle, "RETRY_WAIT", timedelta(0))
        hand = Hand(flow)
        activation = await hand.planned()
        words = "A newer version of the service planned this sync, with tempo."
        sync = (await flow.syncs(activation))[-1]
        spec = dict(sync.spec or {})

        async def write(**more: int) -> None:
            async with flow.platform.unit_of_work() as session:
                await session.execute(
                    update(Sync).where(Sync.id == sync.id).values(spec={**spec, **more})
                )
                await session.execute(update(Batch).values(next_at=func.clock_timestamp()))

        async def last_error() -> str:
            return str(((await flow.activation(activation)).last_error or {})["message"])

        await write(tempo=3)
        await hand.once(tasks=(Task.DELIVER,))
        assert (await last_error()).startswith(words)
        await write()
        await hand.crash_while_sending()
        await write(tempo=3)
        await hand.once(tasks=(Task.DELIVER,))
        assert len(flow.received(activation)) == 10
        assert (await last_error()).startswith(words)
        assert (await flow.activation(activation)).held == 0
        await write()
        await hand.quiet()
        assert (await flow.activation(activation)).held == 10
