"""Wake-ups: the ids of jobs, and that a job is enqueued after the commit only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.queue import Queue, Task
from app.services.platform import wakeups
from app.storage.models import AudiencePreview, Notice, Run, Sync
from app.storage.session import commit

SYNC = {"space_id": "spa_1", "id": "syn_1", "attempts": 2, "trigger": "api", "kind": "resync"}


class Recording(Queue):
    """A queue that keeps what is enqueued."""

    def __init__(self) -> None:
        super().__init__(None)
        self.jobs: list[tuple[str, tuple[str, ...], str, timedelta | None]] = []

    async def ring(
        self, task: Task, *ids: str, job_id: str, delay: timedelta | None = None
    ) -> bool:
        self.jobs.append((task.value, ids, job_id, delay))
        return True


class Session(AsyncSession):
    """A session without a database."""

    async def commit(self) -> None:
        pass


def session_on(queue: Queue) -> AsyncSession:
    return Session(info={wakeups.QUEUE: queue})


async def jobs_of(wake: Any, row: Any, **given: Any) -> list[Any]:
    queue = Recording()
    session = session_on(queue)
    wake(session, row, **given)
    assert queue.jobs == []
    await commit(session)
    return queue.jobs


class TestIds:
    async def test_a_run_by_its_attempt(self) -> None:
        run = Run(space_id="spa_1", id="run_1", attempts=3)
        jobs = await jobs_of(wakeups.wake_recompute, run)
        assert jobs == [("recompute", ("spa_1", "run_1"), "recompute:run_1:3", None)]

    async def test_a_preview_by_its_attempt(self) -> None:
        preview = AudiencePreview(space_id="spa_1", id="pre_1", attempts=0)
        jobs = await jobs_of(wakeups.wake_preview, preview)
        assert jobs == [("preview", ("spa_1", "pre_1"), "preview:pre_1:0", None)]

    async def test_a_plan_by_attempt_trigger_and_kind_after_a_wait(self) -> None:
        wait = timedelta(seconds=5)
        jobs = await jobs_of(wakeups.wake_plan, Sync(**SYNC), delay=wait)
        assert jobs == [("plan", ("spa_1", "syn_1"), "plan:syn_1:2:api:resync", wait)]

    async def test_a_delivery_by_slot_and_at_most_four(self) -> None:
        few = await jobs_of(wakeups.wake_deliver, Sync(**SYNC, batches=15))
        many = await jobs_of(wakeups.wake_deliver, Sync(**SYNC, batches=1_000))
        assert [job[2] for job in few] == ["deliver:syn_1:0"]
        assert [job[2] for job in many] == [f"deliver:syn_1:{slot}" for slot in range(4)]

    async def test_a_settlement_by_what_it_ends_as(self) -> None:
        whole = await jobs_of(wakeups.wake_settle, Sync(**SYNC))
        closing = await jobs_of(wakeups.wake_settle, Sync(**SYNC, closing="cancelled"))
        assert [whole[0][2], closing[0][2]] == ["settle:syn_1:2:whole", "settle:syn_1:2:cancelled"]

    async def test_a_notice(self) -> None:
        jobs = await jobs_of(wakeups.wake_notify, Notice(space_id="spa_1", id="ntc_1"))
        assert jobs == [("notify", ("spa_1", "ntc_1"), "notify:ntc_1:0", None)]

    async def test_one_more_delivery_is_enqueued_next_to_the_others(self) -> None:
        queue = Recording()
        await wakeups.deliver_again(queue, "spa_1", "syn_1")
        await wakeups.deliver_again(queue, "spa_1", "syn_1", timedelta(seconds=1))
        assert len({job[2] for job in queue.jobs}) == 2
        assert all(job[2].startswith("deliver:syn_1:again_") for job in queue.jobs)

    def test_the_sweep_adds_its_second(self) -> None:
        plan = wakeups.sweep_job_id(Task.PLAN, "syn_1", 2, 1_700_000_000)
        deliver = wakeups.sweep_job_id(Task.DELIVER, "any", None, 1_700_000_000)
        assert plan == "plan:syn_1:2:s1700000000"
        assert deliver == "deliver:any:s1700000000"


async def test_a_session_without_a_queue_enqueues_nothing() -> None:
    session = Session()
    wakeups.wake_settle(session, Sync(**SYNC))
    await commit(session)
