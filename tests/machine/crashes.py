"""Workers that die between two transactions, and workers that were only slow and write their results too late."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from sqlalchemy import select

from app.queue import Task
from app.services.audiences import recompute as recomputing
from app.services.audiences.write_snapshot import compute_snapshot
from app.services.delivery import pump as pumping
from app.services.delivery.record import Recorder
from app.services.periodic.due import find_due
from app.services.planning import plan as planning
from app.services.planning import planned_sync
from app.services.platform import leases
from app.services.syncs import settle as settling
from app.storage.models import Run
from app.storage.repositories.syncs import SyncRepository
from tests.flow import Flow
from tests.stepping import LANE, Hand


class Crashes(Hand):
    """A hand that stops in the middle of due work."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow)
        self.late: list[
            Callable[[], Awaitable[None]]
        ] = []  # results that stopped workers may still write

    async def write_late(self) -> None:
        """Let a stopped worker write its result. Another worker may already have its work."""
        if self.late:
            with contextlib.suppress(leases.LeaseLost):  # the fence works
                await self.late.pop(0)()

    async def die_computing(self) -> None:
        """Stop after the snapshot is written, before a row refers to it."""
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
        """Stop after the plan is written, before a row refers to it."""
        sync_id = await self._due(Task.PLAN)
        if sync_id is None:
            return
        async with self.platform.unit_of_work() as session:
            claimed = await SyncRepository(session).claim(
                self.flow.space_id, sync_id, ("new",), LANE, self.platform.settings.lease
            )
        work = await planning._begin(self.platform, claimed) if claimed is not None else None
        if work is not None and work.sync.kind != "dry_run":
            written = await planning._write(self.platform, work)
            self.late.append(lambda: planned_sync.store_plan(self.platform, work, *written))
        await self.lose_leases()

    async def die_sending(self, *, sent: bool) -> None:
        """Stop after batches are claimed, and optionally sent, before their outcome is recorded."""
        pump = self._pump()
        await pump._claim()
        recorder = Recorder(self.platform, lambda _: 0, lambda *_: None)
        for item in list(pump._waiting) if sent else ():
            ended = await pumping.attempt(item.loaded, item.claimed)
            self.late.append(lambda ended=ended: recorder.write(ended))  # type: ignore[misc]
        await self.lose_leases()

    async def die_settling(self) -> None:
        """Stop after the new holdings are written, before a row refers to them."""
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
        """Return the id of a sync of this flow that is due for a task, or None."""
        async with self.platform.unit_of_work() as session:
            found = await find_due(session)
        mine = [due for due in found if due.task is task and due.space_id == self.flow.space_id]
        return mine[0].subject_id if mine else None
