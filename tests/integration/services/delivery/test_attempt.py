"""Delivery with transient failures, with syncs that are closed, and without Redis."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core import clock
from app.services.platform.platform import Platform
from app.services.syncs import syncs
from app.storage.models import Sync
from tests.flow import ACTOR, Flow, eventually, installation, worker
from tests.integration.services.delivery.scene import attempts, ids

pytestmark = pytest.mark.installation(stepped=True)


class TestTransientFailures:
    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "status", "status": 500, "times": 2},
            {"kind": "status", "status": 429, "retry_after": 0, "times": 2},
            {"kind": "apply_then_status", "status": 500, "times": 1},
            {"kind": "cut", "times": 1},
            {"kind": "cut_before", "times": 1},
        ],
        ids=lambda fault: fault["kind"] + str(fault.get("status", "")),
    )
    async def test_everything_arrives_in_the_end(
        self, flow: Flow, fault: dict[str, object]
    ) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add(fault)
        await flow.members(range(250))
        sync = await flow.quiet(activation)
        assert (sync.state, sync.delivered) == ("complete", 250)
        assert flow.received(activation) == ids(range(250))
        assert flow.receiver.stats()["changed_repeats"] == 0


class TestClosing:
    @pytest.mark.installation(worker=True)
    async def test_cancel_half_way_keeps_what_was_sent_and_the_next_sync_goes_on(
        self, flow: Flow
    ) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "slow", "seconds": 0.3})
        await flow.members(range(3000))
        sync = await eventually(lambda: _running_with_receipts(flow, activation))
        async with flow.platform.unit_of_work() as session:
            await syncs.cancel_sync(session, flow.space_id, activation, sync.id, actor=ACTOR)
        cancelled = await flow.quiet(activation)
        sent = len(flow.received(activation))
        assert cancelled.state == "cancelled"
        assert 0 < sent < 3000
        assert cancelled.delivered == sent
        flow.sandbox.faults.clear()
        await flow.members(range(3000))
        following = await flow.quiet(activation)
        assert following.entered == 3000 - sent
        assert flow.received(activation) == ids(range(3000))
        assert flow.receiver.stats()["redundant"] == 0

    @pytest.mark.walk
    async def test_a_newer_run_supersedes_a_sync_that_has_sent_nothing(self, flow: Flow) -> None:
        activation = await flow.activate(brake=True)
        await flow.members(range(200))
        await flow.quiet(activation)
        await flow.members(range(10))
        held = await flow.quiet(activation)
        assert held.state == "held"
        assert flow.received(activation) == ids(range(200))
        await flow.members(range(190))
        sync = await flow.quiet(activation)
        states = [one.state for one in await flow.syncs(activation)]
        assert (states[-2], sync.state, sync.exited) == ("superseded", "complete", 10)

    @pytest.mark.walk
    async def test_a_held_plan_goes_out_when_that_very_plan_is_approved(self, flow: Flow) -> None:
        activation = await flow.activate(brake=True)
        await flow.members(range(200))
        await flow.quiet(activation)
        await flow.members(range(10))
        held = await flow.quiet(activation)
        async with flow.platform.unit_of_work() as session:
            await syncs.approve_sync(
                session, flow.space_id, activation, held.id, actor=ACTOR, now=clock.now()
            )
        sync = await flow.quiet(activation)
        assert (sync.id, sync.state, sync.delivered) == (held.id, "complete", 190)
        assert flow.received(activation) == ids(range(10))


async def _running_with_receipts(flow: Flow, activation: str) -> Sync | None:
    async with flow.platform.unit_of_work() as session:
        sync = (
            await session.scalars(
                select(Sync).where(Sync.activation_id == activation, Sync.state == "running")
            )
        ).first()
    return sync if sync and len(flow.received(activation)) > 0 else None


class TestRedisGone:
    @pytest.mark.walk
    async def test_the_sweep_delivers_while_redis_is_silent(self, platform: Platform) -> None:
        silent = platform.settings.model_copy(
            update={"redis_url": None, "sweep_interval": timedelta(milliseconds=100)}
        )
        async with installation(platform) as flow:
            alone = _with_settings(platform, silent)
            async with worker(alone, apart=True):
                activation = await flow.activate()
                await flow.members(range(250))
                sync = await flow.quiet(activation)
                assert (sync.state, sync.delivered) == ("complete", 250)
                assert {one.worker.rsplit(":", 1)[1] for one in await attempts(flow)} <= {
                    "notify",
                    "next",
                    "sweep",
                }

    @pytest.mark.walk
    @pytest.mark.installation(worker=True)
    async def test_with_redis_the_work_is_done_under_arq(self, flow: Flow) -> None:
        activation = await flow.activate()
        await flow.members(range(2500))
        await flow.quiet(activation)
        lanes = [one.worker.rsplit(":", 1)[1] for one in await attempts(flow)]
        assert lanes.count("arq") + lanes.count("next") >= 0.99 * len(lanes)


def _with_settings(platform: Platform, settings: object) -> Platform:
    import dataclasses

    return dataclasses.replace(platform, settings=settings)  # type: ignore[arg-type]
