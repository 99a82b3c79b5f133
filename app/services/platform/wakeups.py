"""Wake-ups: the jobs that say what is due, and their ids. A lost job does no harm: the sweep enqueues it again (R14).

A job id names the row and its version (R13): arq refuses an id that is queued or running, and a refused wake-up is lost.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.queue import Queue, Task
from app.storage.models import AudiencePreview, Erasure, Notice, Run, Sync
from app.storage.session import on_commit

QUEUE = "queue"  # key of the queue in ``session.info``
_MOST_DELIVER_JOBS = 4
_BATCHES_PER_DELIVER_JOB = 16


def wake_recompute(session: AsyncSession, run: Run) -> None:
    """Enqueue the computation of a run after the commit."""
    job_id = f"recompute:{run.id}:{run.attempts}"
    _enqueue(session, Task.RECOMPUTE, run.space_id, run.id, job_id=job_id)


def wake_preview(session: AsyncSession, preview: AudiencePreview) -> None:
    """Enqueue the computation of a preview after the commit."""
    job_id = f"preview:{preview.id}:{preview.attempts}"
    _enqueue(session, Task.PREVIEW, preview.space_id, preview.id, job_id=job_id)


def wake_plan(session: AsyncSession, sync: Sync, delay: timedelta | None = None) -> None:
    """Enqueue the planning of a sync after the commit."""
    job_id = f"plan:{sync.id}:{sync.attempts}:{sync.trigger}:{sync.kind}"
    _enqueue(session, Task.PLAN, sync.space_id, sync.id, job_id=job_id, delay=delay)


def wake_deliver(session: AsyncSession, sync: Sync) -> None:
    """Enqueue the delivery of a sync's batches after the commit: several jobs if there are many batches."""
    for slot in range(min(_MOST_DELIVER_JOBS, 1 + sync.batches // _BATCHES_PER_DELIVER_JOB)):
        job_id = f"deliver:{sync.id}:{slot}"
        _enqueue(session, Task.DELIVER, sync.space_id, sync.id, job_id=job_id)


def wake_settle(session: AsyncSession, sync: Sync) -> None:
    """Enqueue the settlement of a sync after the commit."""
    job_id = f"settle:{sync.id}:{sync.attempts}:{sync.closing or 'whole'}"
    _enqueue(session, Task.SETTLE, sync.space_id, sync.id, job_id=job_id)


def wake_notify(session: AsyncSession, notice: Notice) -> None:
    """Enqueue the sending of a new notice after the commit."""
    job_id = f"notify:{notice.id}:0"
    _enqueue(session, Task.NOTIFY, notice.space_id, notice.id, job_id=job_id)


def wake_erase(session: AsyncSession, erasure: Erasure) -> None:
    """Enqueue a pass of an erasure after the commit."""
    job_id = f"erase:{erasure.id}:{erasure.attempts}"
    _enqueue(session, Task.ERASE, erasure.space_id, erasure.id, job_id=job_id)


async def deliver_again(
    queue: Queue, space_id: str, sync_id: str, delay: timedelta | None = None
) -> None:
    """Enqueue one more delivery task at once, next to those that are queued or running (R16)."""
    job_id = f"deliver:{sync_id}:{new_id('again')}"
    await queue.wake(Task.DELIVER, space_id, sync_id, job_id=job_id, delay=delay)


def beat_job_id(worker_id: str, second: int) -> str:
    """Return the id of the job with which a worker finds out whether its queue loop receives jobs."""
    return f"{Task.BEAT}:{worker_id}:{second}"


def sweep_job_id(task: Task, subject: str, attempts: int | None, second: int) -> str:
    """Return the id of a job that the sweep enqueues.

    The id contains the second of the sweep: if arq refuses a job because an older one with the same id is still running,
    the next sweep enqueues the job under another id.
    """
    version = subject if attempts is None else f"{subject}:{attempts}"
    return f"{task}:{version}:s{second}"


def _enqueue(
    session: AsyncSession, task: Task, *ids: str, job_id: str, delay: timedelta | None = None
) -> None:
    """Enqueue a job after the commit, in the queue that the session's unit of work was created with."""
    queue: Queue | None = session.info.get(QUEUE)
    if queue is None:
        return

    async def enqueue() -> None:
        await queue.wake(task, *ids, job_id=job_id, delay=delay)

    on_commit(session, enqueue)
