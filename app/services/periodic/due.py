"""Due work, read from PostgreSQL: the sweep enqueues it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.queue import Task
from app.services.audiences import due_previews
from app.services.platform import Platform, sweep_job_id
from app.storage.repositories.due import DueQueries
from app.storage.repositories.left_calls import LeftCallQueries
from app.storage.repositories.notices import NoticeRepository
from app.storage.repositories.runs import RunRepository

LIMIT = 200


@dataclass(frozen=True, slots=True)
class Due:
    """One task that is due."""

    task: Task
    space_id: str
    subject_id: str
    job_id: str


async def find_due(session: AsyncSession) -> list[Due]:
    """Return the runs, previews, syncs, notices and left calls that are due, and whether any batch is; most urgent first."""
    syncs, runs = DueQueries(session), RunRepository(session)
    second = int((await runs.database_now()).timestamp())

    def due(task: Task, space_id: str, subject_id: str, attempts: int | None) -> Due:
        return Due(task, space_id, subject_id, sweep_job_id(task, subject_id, attempts, second))

    found = [
        due(Task.SETTLE, sync.space_id, sync.id, sync.attempts)
        for sync in await syncs.to_settle(LIMIT)
    ]
    if await syncs.batches_due():
        found.append(due(Task.DELIVER, "", "any", None))
    found.extend(
        due(Task.PLAN, sync.space_id, sync.id, sync.attempts) for sync in await syncs.to_plan(LIMIT)
    )
    found.extend(
        due(Task.RECOMPUTE, run.space_id, run.id, run.attempts) for run in await runs.due(LIMIT)
    )
    found.extend(due(Task.PREVIEW, *preview) for preview in await due_previews(session))
    found.extend(
        due(Task.NOTIFY, notice.space_id, notice.id, notice.attempts)
        for notice in await NoticeRepository(session).due(LIMIT)
    )
    found.extend(
        due(Task.ASK, *activation, None) for activation in await LeftCallQueries(session).due(LIMIT)
    )
    return found


async def batches_wait(platform: Platform) -> bool:
    """Check whether a batch may be sent now that no worker has claimed."""
    async with platform.unit_of_work() as session:
        return await DueQueries(session).batches_due()
