"""Delivery when things go wrong: refusals, throttling, lost answers, closed syncs, pauses."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from app.core import clock
from app.domain.activation_states import ActivationState
from app.services.platform.platform import Platform
from app.services.reports import status
from app.services.syncs import lifecycle, syncs
from app.storage.models import Activation, Attempt, Destination, Sync
from tests.flow import ACTOR, Flow, eventually, installation, worker

pytestmark = pytest.mark.installation(worker=True)


def ids(numbers: range) -> set[str]:
    return {f"p{i}" for i in numbers}


async def attempts(flow: Flow) -> list[Attempt]:
    async with flow.platform.unit_of_work() as session:
        return list((await session.scalars(select(Attempt).order_by(Attempt.started_at))).all())


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

    async def test_after_an_unknown_attempt_the_next_plan_waits_for_the_settle_time(
        self, flow: Flow
    ) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "apply_then_status", "status": 500, "times": 1})
        await flow.members(range(5))
        first = await flow.quiet(activation)
        await flow.members(range(3))
        second = await flow.quiet(activation)
        assert first.last_unknown_at is not None
        assert second.planned_at is not None
        waited = second.planned_at - first.last_unknown_at
        assert waited >= flow.platform.settings.settle_time

    async def test_a_definite_refusal_starts_no_settle_time(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "status", "status": 429, "retry_after": 0, "times": 1})
        await flow.members(range(5))
        assert (await flow.quiet(activation)).last_unknown_at is None

    async def test_attempts_are_written_with_their_ends(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "status", "status": 503, "times": 1})
        await flow.members(range(5))
        await flow.quiet(activation)
        assert [(a.n, a.outcome, a.http_status) for a in await attempts(flow)] == [
            (1, "unknown", 503),
            (2, "delivered", 200),
        ]


class TestRejections:
    async def test_refused_members_are_listed_and_not_sent_again(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.receiver.refused = {"p1": "blocked", "p3": "blocked"}
        await flow.members(range(5))
        sync = await flow.quiet(activation)
        assert (sync.delivered, sync.rejected, sync.state) == (3, 2, "complete")
        assert sync.rejections is not None
        assert list(sync.rejections["counts"].values()) == [2]
        await flow.members(range(6))
        sync = await flow.quiet(activation)
        assert (sync.entered, sync.left_out.get("refused_before")) == (1, 2)

    async def test_a_retry_asks_again(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.receiver.refused = {"p1": "blocked"}
        await flow.members(range(5))
        sync = await flow.quiet(activation)
        flow.receiver.refused = {}
        async with flow.platform.unit_of_work() as session:
            await syncs.retry_sync(
                session, flow.space_id, activation, sync.id, actor=ACTOR, now=clock.now()
            )
        sync = await flow.quiet(activation)
        assert (sync.entered, sync.delivered) == (1, 1)
        assert flow.received(activation) == ids(range(5))


class TestRefusalOfTheWhole:
    async def test_three_tries_then_the_activation_is_in_error_and_nobody_is_rejected(
        self, flow: Flow
    ) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "status", "status": 404})
        await flow.members(range(5))
        sync = await flow.quiet(activation)
        row = await flow.activation(activation)
        assert (sync.state, sync.rejected, row.state) == ("failed", 0, ActivationState.ERROR)
        assert len(await attempts(flow)) == 3
        async with flow.platform.unit_of_work() as session:
            said = await status.activation_status(session, row, clock.now())
        assert said.note.startswith("Paused by an error")

    async def test_enabling_again_sends_what_was_not_sent(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "status", "status": 404})
        await flow.members(range(5))
        await flow.quiet(activation)
        flow.sandbox.faults.clear()
        async with flow.platform.unit_of_work() as session:
            row = await session.get(Activation, (flow.space_id, activation))
            assert row is not None
            row.state, row.failing_since = ActivationState.ACTIVE, None
            await syncs.start_sync(
                session, row, kind="incremental", dry_run=False, actor=ACTOR, now=clock.now()
            )
        sync = await flow.quiet(activation)
        assert (sync.state, sync.delivered) == ("complete", 5)

    async def test_410_pauses_at_once(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "status", "status": 410})
        await flow.members(range(5))
        sync = await flow.quiet(activation)
        assert (sync.state, len(await attempts(flow))) == ("failed", 1)
        assert (await flow.activation(activation)).state == "error"


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
            await lifecycle.account_healed(session, account, actor=ACTOR, now=clock.now())
        await flow.members(range(6))
        for activation in (first, second):
            await flow.quiet(activation)
            assert flow.received(activation) == ids(range(6))


async def _in_error(flow: Flow, activations: tuple[str, ...]) -> bool:
    return all([(await flow.activation(one)).state == "error" for one in activations])


class TestClosing:
    async def test_cancel_half_way_keeps_what_was_sent_and_the_next_sync_goes_on(
        self, flow: Flow
    ) -> None:
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "slow", "seconds": 0.3})
        await flow.members(range(3000))
        sync = await eventually(lambda: _running_with_receipts(flow, activation))
        async with flow.platform.unit_of_work() as session:
            await syncs.cancel_sync(
                session, flow.space_id, activation, sync.id, actor=ACTOR, now=clock.now()
            )
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
    async def test_the_sweep_delivers_while_redis_is_silent(self, platform: Platform) -> None:
        silent = platform.settings.model_copy(update={"redis_url": None})
        async with installation(platform) as flow:
            alone = _with_settings(platform, silent)
            async with worker(alone):
                activation = await flow.activate()
                await flow.members(range(250))
                sync = await flow.quiet(activation)
                assert (sync.state, sync.delivered) == ("complete", 250)
                assert {one.worker.rsplit(":", 1)[1] for one in await attempts(flow)} == {"sweep"}

    async def test_with_redis_the_work_is_done_under_arq(self, flow: Flow) -> None:
        activation = await flow.activate()
        await flow.members(range(2500))
        await flow.quiet(activation)
        lanes = [one.worker.rsplit(":", 1)[1] for one in await attempts(flow)]
        assert lanes.count("arq") >= 0.99 * len(lanes)


def _with_settings(platform: Platform, settings: object) -> Platform:
    import dataclasses

    return dataclasses.replace(platform, settings=settings)  # type: ignore[arg-type]


class TestOrder:
    async def test_a_lost_lease_writes_nothing(self, flow: Flow) -> None:
        """Somebody else took the batch: the late answer of the first must not settle it (R9)."""
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "slow", "seconds": 1.0, "times": 1})
        await flow.members(range(5))
        sync = await eventually(lambda: _attempted(flow, activation))
        async with flow.platform.unit_of_work() as session:
            from app.storage.models import Batch

            await session.execute(
                update(Batch)
                .where(Batch.sync_id == sync)
                .values(lease_token=Batch.lease_token + 1, lease_until=clock.now())
            )
        settled = await flow.quiet(activation)
        tries = await attempts(flow)
        assert [one.outcome for one in tries] == [None, "delivered"]
        assert settled.last_unknown_at is not None
        assert settled.delivered == 5


async def _attempted(flow: Flow, activation: str) -> str | None:
    found = await attempts(flow)
    return found[0].sync_id if found else None
