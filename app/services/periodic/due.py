"""Due work, read from PostgreSQL: the sweep enqueues it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.queue import Task
from app.services.platform import Platform, sweep_job_id
from app.storage.repositories.due import DueQueries
from app.storage.repositories.due_work import Work, WorkQueries

LIMIT = 200


@dataclass(frozen=True, slots=True)
class Due:
    """One task that is due."""

    task: Task
    space_id: str
    subject_id: str
    job_id: str


async def find_due(session: AsyncSession) -> list[Due]:
    """Return the runs, previews, syncs, notices, erasures and left calls that are due, and whether any batch is; most urgent first."""
    now, found = await WorkQueries(session).due(LIMIT)
    second = int(now.timestamp()) if now else 0
    return [_due(work, second) for work in found]


def _due(work: Work, second: int) -> Due:
    task = Task(work.task)
    job_id = sweep_job_id(task, work.subject_id, work.attempts, second)
    return Due(task, work.space_id, work.subject_id, job_id)


async def batches_wait(platform: Platform) -> bool:
    """Check whether a batch may be sent now that no worker has claimed."""
    async with platform.unit_of_work() as session:
        return await DueQueries(session).batches_due()
