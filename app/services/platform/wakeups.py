"""Ring for work once the transaction that made it is committed."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.queue import Queue, Task
from app.storage.session import on_commit

QUEUE = "queue"


def ring(
    session: AsyncSession, task: Task, *ids: str, job_id: str, delay: timedelta | None = None
) -> None:
    """Leave a bell with the session; the queue is the one that its unit of work was made with."""
    queue: Queue | None = session.info.get(QUEUE)
    if queue is None:
        return

    async def bell() -> None:
        await queue.ring(task, *ids, job_id=job_id, delay=delay)

    on_commit(session, bell)
