"""Runs that fail, crash or are stopped, and what becomes of the accepted changes."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import update

from app.core import clock
from app.core.disk_reserve import disk_full
from app.services.audiences import recompute, runs
from app.services.audiences.member_patches import resume_uploads
from app.services.audiences.recompute import recompute_audience
from app.services.audiences.run_failures import MAX_ATTEMPTS, give_back, report_alive
from app.services.platform import MAX_LOST_LEASES
from app.storage.models import MemberPatch, Run
from app.storage.repositories.due_work import WorkQueries
from app.storage.repositories.runs import RunRepository
from tests.flow import Flow, eventually, worker
from tests.integration.services.audiences.supply import is_member, patch, upload


class TestRunsThatDoNotSucceed:
    async def test_accepted_changes_survive_a_run_that_ends_its_workers(self, flow: Flow) -> None:
        crashed = await patch(flow, 1)
        async with flow.platform.unit_of_work() as session:
            past = clock.now() - timedelta(minutes=1)
            values = {"state": "running", "lease_until": past, "lost_leases": MAX_LOST_LEASES - 1}
            await session.execute(update(Run).where(Run.id == crashed.id).values(**values))
        await recompute_audience(flow.platform, flow.space_id, crashed.id, lane="test")
        failed = await flow.finished(crashed.id)
        assert failed.state == "failed"
        following = await patch(flow, 2)
        await recompute_audience(flow.platform, flow.space_id, following.id, lane="test")
        assert [await is_member(flow, n) for n in (1, 2)] == [True, True]

    async def test_a_run_whose_workers_were_killed_is_computed_by_another(self, flow: Flow) -> None:
        run = await upload(flow, [1])
        for _ in range(MAX_LOST_LEASES - 1):
            assert await recompute._claim(flow.platform, flow.space_id, run.id, "killed")
            await _expire(flow, run.id)
        await recompute_audience(flow.platform, flow.space_id, run.id, lane="test")
        assert (await flow.finished(run.id)).state == "complete"

    async def test_a_run_is_due_when_those_before_it_have_ended(self, flow: Flow) -> None:
        first, second = await upload(flow, [1]), await upload(flow, [2])
        for run in (first, second):
            async with flow.platform.unit_of_work() as session:
                _, due = await WorkQueries(session).due(10)
            assert [work.subject_id for work in due if work.task == "recompute"] == [run.id]
            await recompute_audience(flow.platform, flow.space_id, run.id, lane="test")

    async def test_what_they_left_is_taken_up_again_after_a_while(self, flow: Flow) -> None:
        crashed = await patch(flow, 1)
        past = clock.now() - timedelta(minutes=1)
        async with flow.platform.unit_of_work() as session:
            values = {"state": "running", "lease_until": past, "lost_leases": MAX_LOST_LEASES - 1}
            await session.execute(update(Run).where(Run.id == crashed.id).values(**values))
        await recompute_audience(flow.platform, flow.space_id, crashed.id, lane="test")
        failed = await flow.finished(crashed.id)
        assert failed.finished_at is not None
        assert await take_up(flow, failed.finished_at + timedelta(seconds=55)) == 0
        assert await take_up(flow, failed.finished_at + timedelta(seconds=65)) == 1
        assert await take_up(flow, failed.finished_at + timedelta(seconds=65)) == 0, "it is open"
        async with worker(flow.platform):
            await eventually(lambda: _none_open(flow))
        assert await is_member(flow, 1)
        assert await take_up(flow, failed.finished_at + timedelta(days=1)) == 0

    async def test_the_longer_they_fail_the_longer_they_wait(self, flow: Flow) -> None:
        crashed = await patch(flow, 1)
        now = clock.now()
        async with flow.platform.unit_of_work() as session:
            values = {"state": "failed", "finished_at": now}
            await session.execute(update(Run).where(Run.id == crashed.id).values(**values))
            left = {"run_id": None, "created_at": now - timedelta(minutes=20)}
            await session.execute(update(MemberPatch).values(**left))
        assert await take_up(flow, now + timedelta(minutes=19)) == 0
        assert await take_up(flow, now + timedelta(minutes=21)) == 1

    async def test_an_upload_that_came_later_says_it_all(self, flow: Flow) -> None:
        crashed = await patch(flow, 1)
        async with flow.platform.unit_of_work() as session:
            values = {"state": "failed", "finished_at": clock.now() - timedelta(hours=2)}
            await session.execute(update(Run).where(Run.id == crashed.id).values(**values))
            await session.execute(update(MemberPatch).values(run_id=None))
        later = await upload(flow, [2])
        assert await take_up(flow, None) == 0
        async with worker(flow.platform):
            await flow.finished(later.id)
        assert await take_up(flow, None) == 0
        assert [await is_member(flow, n) for n in (1, 2)] == [False, True]

    async def test_the_sweep_takes_them_up(self, flow: Flow) -> None:
        crashed = await patch(flow, 1)
        async with flow.platform.unit_of_work() as session:
            values = {"state": "failed", "finished_at": clock.now() - timedelta(hours=2)}
            await session.execute(update(Run).where(Run.id == crashed.id).values(**values))
            await session.execute(update(MemberPatch).values(run_id=None))
        async with worker(flow.platform):
            await eventually(lambda: is_member(flow, 1))

    @pytest.mark.walk
    async def test_a_change_that_cannot_be_applied_takes_no_others_with_it(
        self, flow: Flow
    ) -> None:
        run = await patch(flow, 1)
        await patch(flow, 2)
        await patch(flow, 3)
        async with flow.platform.unit_of_work() as session:
            await session.execute(
                update(MemberPatch)
                .where(MemberPatch.add.contains([{"profile_id": "p2"}]))
                .values(add=[{"profile_id": ""}])
            )
        async with worker(flow.platform):
            await flow.finished(run.id)
            await eventually(lambda: _none_open(flow))
        assert [await is_member(flow, n) for n in (1, 2, 3)] == [True, False, True]

    async def test_a_worker_that_stops_lets_go_of_its_run(self, flow: Flow) -> None:
        run = await upload(flow, range(30_000))
        task = asyncio.create_task(
            recompute_audience(flow.platform, flow.space_id, run.id, lane="test")
        )
        await eventually(lambda: _state(flow, run.id, "running"), every=0.005)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        async with flow.platform.unit_of_work() as session:
            left = await session.get(Run, (flow.space_id, run.id))
            assert left is not None
            assert (left.state, left.lease_until, left.attempts) == ("new", None, 0)


class TestDiskFull:
    async def test_a_run_is_tried_again_and_no_change_is_lost(
        self, flow: Flow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def full(*_: Any) -> Any:
            raise disk_full()

        run = await patch(flow, 1)
        monkeypatch.setattr(recompute, "compute_snapshot", full)
        for state in ["new"] * (MAX_ATTEMPTS - 1) + ["failed"]:
            async with flow.platform.unit_of_work() as session:
                await RunRepository(session).hasten(flow.space_id, run.id)
            assert await recompute_audience(flow.platform, flow.space_id, run.id, lane="test")
            assert await _state(flow, run.id, state)
        monkeypatch.undo()
        following = await patch(flow, 2)
        await recompute_audience(flow.platform, flow.space_id, following.id, lane="test")
        assert [await is_member(flow, n) for n in (1, 2)] == [True, True]


class TestDatabaseAway:
    async def test_an_attempt_that_lost_the_database_does_not_count(
        self, flow: Flow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def lose(*_: Any) -> Any:
            raise asyncpg.ConnectionDoesNotExistError(
                "connection was closed in the middle of operation"
            )

        run = await upload(flow, [1])
        monkeypatch.setattr(recompute, "compute_snapshot", lose)
        for _ in range(MAX_ATTEMPTS + 1):
            async with flow.platform.unit_of_work() as session:
                await RunRepository(session).hasten(flow.space_id, run.id)
            assert await recompute_audience(flow.platform, flow.space_id, run.id, lane="test")
        monkeypatch.undo()
        async with worker(flow.platform):
            assert (await flow.finished(run.id)).state == "complete"

    @pytest.mark.parametrize("reported", [False, True])
    async def test_a_worker_that_comes_too_late_was_not_lost(
        self, flow: Flow, reported: bool
    ) -> None:
        """Its lease ended while the database was away: the next claim counts it as lost until it reports."""
        run = await upload(flow, [1])
        ids = (flow.space_id, run.id)
        for _ in range(MAX_LOST_LEASES - 2):
            late = await recompute._claim(flow.platform, *ids, "test")
            assert late is not None
            await _expire(flow, run.id)
            following = await recompute._claim(flow.platform, *ids, "test")
            assert following is not None
            if reported:
                await give_back(flow.platform, late)
                await report_alive(flow.platform, late)
            await _expire(flow, run.id)
            if reported:
                await report_alive(
                    flow.platform, following
                )  # before the next claim: nothing to take back
        await recompute_audience(flow.platform, *ids, lane="test")
        assert (await flow.finished(run.id)).state == ("complete" if reported else "failed")


async def _expire(flow: Flow, run_id: str) -> None:
    async with flow.platform.unit_of_work() as session:
        past = clock.now() - timedelta(minutes=1)
        await session.execute(update(Run).where(Run.id == run_id).values(lease_until=past))


async def _state(flow: Flow, run_id: str, state: str) -> bool:
    async with flow.platform.unit_of_work() as session:
        found = await session.get(Run, (flow.space_id, run_id))
        return found is not None and found.state == state


async def _none_open(flow: Flow) -> bool:
    async with flow.platform.unit_of_work() as session:
        page, _ = await runs.list_runs(
            session, flow.space_id, flow.audience_id, before=None, limit=50
        )
        return all(run.state in ("complete", "failed") for run in page)


async def take_up(flow: Flow, now: datetime | None) -> int:
    async with flow.platform.unit_of_work() as session:
        return await resume_uploads(session, now)
