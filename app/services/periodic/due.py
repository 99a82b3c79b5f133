"""What is due by PostgreSQL's account: the sweep rings for it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.queue import Task
from app.services.audiences import due_previews
from app.services.platform import Platform
from app.storage.repositories.due import DueRepository
from app.storage.repositories.notices import NoticeRepository
from app.storage.repositories.runs import RunRepository

LIMIT = 200


@dataclass(frozen=True, slots=True)
class Due:
    """One thing to be done."""

    task: Task
    space_id: str
    subject_id: str
    job_id: str


async def find_due(session: AsyncSession) -> list[Due]:
    """Runs to compute, syncs to plan or settle, and whether any batch waits; most urgent first.

    A job's id holds the second: a bell that arq refuses because an older job of that name still runs is rung again
    by the next sweep.
    """
    syncs = DueRepository(session)
    moment = int((await RunRepository(session).database_now()).timestamp())
    found = [
        Due(Task.SETTLE, sync.space_id, sync.id, f"settle:{sync.id}:{sync.attempts}:s{moment}")
        for sync in await syncs.to_settle(LIMIT)
    ]
    if await syncs.batches_due():
        found.append(Due(Task.DELIVER, "", "any", f"deliver:any:s{moment}"))
    found.extend(
        Due(Task.PLAN, sync.space_id, sync.id, f"plan:{sync.id}:{sync.attempts}:s{moment}")
        for sync in await syncs.to_plan(LIMIT)
    )
    found.extend(
        Due(Task.RECOMPUTE, run.space_id, run.id, f"recompute:{run.id}:{run.attempts}:s{moment}")
        for run in await RunRepository(session).due(LIMIT)
    )
    found.extend(
        Due(Task.PREVIEW, space_id, preview_id, f"preview:{preview_id}:{attempts}:s{moment}")
        for space_id, preview_id, attempts in await due_previews(session)
    )
    found.extend(
        Due(Task.NOTIFY, one.space_id, one.id, f"notify:{one.id}:{one.attempts}:s{moment}")
        for one in await NoticeRepository(session).due(LIMIT)
    )
    return found


async def batches_wait(platform: Platform) -> bool:
    """Whether a batch that may be sent now is not in anybody's hands."""
    async with platform.unit_of_work() as session:
        return await DueRepository(session).batches_due()
