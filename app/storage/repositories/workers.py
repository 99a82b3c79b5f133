"""Workers: their heartbeats, by the clock of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from app.storage.models import WorkerBeat
from app.storage.repositories.base import DATABASE_NOW, Repository


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """A worker that has reported, and whether it still counts as live."""

    beat: WorkerBeat
    live: bool


class WorkerRepository(Repository[WorkerBeat]):
    """Table ``worker``."""

    model = WorkerBeat
    noun = "worker"
    key = (WorkerBeat.id,)

    async def beat(
        self, worker_id: str, *, host: str, pid: int, version: str, lane: str, life: timedelta
    ) -> None:
        """Write a heartbeat: the worker counts as live for ``life``."""
        changing = {"lane": lane, "beat_at": DATABASE_NOW, "live_until": DATABASE_NOW + life}
        fixed = {"host": host, "pid": pid, "version": version, "started_at": DATABASE_NOW}
        statement = insert(WorkerBeat).values(id=worker_id, **fixed, **changing)
        await self.session.execute(
            statement.on_conflict_do_update(index_elements=[WorkerBeat.id], set_=changing)
        )

    async def leave(self, worker_id: str) -> None:
        """Remove a worker that ends."""
        await self._write(delete(WorkerBeat).where(WorkerBeat.id == worker_id))

    async def live(self) -> int:
        """Return how many workers are live."""
        query = select(func.count()).where(WorkerBeat.live_until > DATABASE_NOW)
        return int(await self.session.scalar(query) or 0)

    async def listed(self, most: int) -> Sequence[SeenWorker]:
        """Read up to ``most`` workers, also silent ones, the last heartbeat first."""
        query = (
            select(WorkerBeat, (WorkerBeat.live_until > DATABASE_NOW).label("live"))
            .order_by(WorkerBeat.beat_at.desc(), WorkerBeat.id)
            .limit(most)
        )
        return [SeenWorker(row, bool(live)) for row, live in await self._rows(query)]

    async def forget_silent(self, age: timedelta) -> int:
        """Remove workers that have been silent for longer than ``age``. Returns their number."""
        old = WorkerBeat.beat_at < DATABASE_NOW - age
        removed = await self.session.scalars(delete(WorkerBeat).where(old).returning(WorkerBeat.id))
        return len(removed.all())
