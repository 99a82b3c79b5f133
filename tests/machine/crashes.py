"""Workers that die between two transactions, and those that were only late: they write what they did much too late."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from sqlalchemy import select

from app.queue import Task
from app.services.audiences import recompute as recomputing
from app.services.audiences.write_snapshot import compute_snapshot
from app.services.delivery import attempt
from app.services.delivery.record import Ended, Recorder
from app.services.periodic.due import find_due
from app.services.planning import plan as planning
from app.services.platform import leases
from app.services.syncs import settle as settling
from app.storage.models import Run
from app.storage.repositories.syncs import SyncRepository
from tests.flow import Flow
from tests.stepping import LANE, Hand


class Crashes(Hand):
    """Does what is due by halves."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow)
        self.late: list[Callable[[], Awaitable[None]]] = []  # what dead workers may still write

    async def write_late(self) -> None:
        """A worker that was taken for dead comes back with what it has done: others may have its work by now."""
        if self.late:
            with contextlib.suppress(leases.LeaseLost):  # as it should be
                await self.late.pop(0)()

    async def die_computing(self) -> None:
        """The snapshot is written, and no row says so."""
        async with self.platform.unit_of_work() as session:
            query = select(Run).where(Run.state.in_(("new", "running"))).order_by(Run.created_at)
            run = (await session.scalars(query)).first()
        if run is None:
            return
        work = await recomputing._claim(self.platform, run.space_id, run.id, LANE)
        if work is not None:
            computed = await compute_snapshot(self.platform, work)
            self.late.append(lambda: recomputing._make_current(self.platform, work, computed))
            await self.lose_leases()

    async def die_planning(self) -> None:
        """The plan is written, and no row says so."""
        sync_id = await self._due(Task.PLAN)
        if sync_id is None:
            return
        async with self.platform.unit_of_work() as session:
            claimed = await SyncRepository(session).claim(
                self.flow.space_id, sync_id, ("new",), LANE, self.platform.settings.lease
            )
        work = await planning._begin(self.platform, claimed) if claimed is not None else None
        if work is not None and work.sync.kind != "dry_run":
            stats, file = await planning._write(self.platform, work)
            self.late.append(lambda: planning._commit(self.platform, work, stats, file))
        await self.lose_leases()

    async def die_sending(self, *, sent: bool) -> None:
        """Batches are claimed, and sent or not, and nobody writes down what came of it."""
        pump = self._pump()
        await pump._claim()
        recorder = Recorder(self.platform, lambda _: 0, lambda *_: None)
        for item in list(pump._waiting) if sent else ():
            rendered, outcome = await attempt.send_batch(item.sending, item.claimed.batch)
            ended = Ended(item.sending, item.claimed, rendered, outcome)
            self.late.append(lambda ended=ended: recorder.record(ended))  # type: ignore[misc]
        await self.lose_leases()

    async def die_settling(self) -> None:
        """The new holdings are written, and no row says so."""
        sync_id = await self._due(Task.SETTLE)
        if sync_id is None:
            return
        async with self.platform.unit_of_work() as session:
            work = await settling._claim(self.platform, session, self.flow.space_id, sync_id, LANE)
        if work is not None:
            folded = await settling._fold(self.platform, work)
            self.late.append(lambda: settling._commit(self.platform, work, folded))
        await self.lose_leases()

    async def _due(self, task: Task) -> str | None:
        """A sync of this flow that waits for that."""
        async with self.platform.unit_of_work() as session:
            found = await find_due(session)
        mine = [due for due in found if due.task is task and due.space_id == self.flow.space_id]
        return mine[0].subject_id if mine else None
