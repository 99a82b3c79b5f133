"""The work of a worker, done by hand: nothing runs unless a test says so, and anything may be left half done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import func, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.queue import Task
from app.services.audiences.recompute import recompute_audience
from app.services.delivery.pump import Pump, attempt
from app.services.delivery.sync_cache import LoadedSyncs
from app.services.periodic.due import find_due
from app.services.planning.plan import plan_sync
from app.services.platform.platform import Platform
from app.services.syncs import lifecycle, syncs
from app.services.syncs.settle import settle_sync
from app.storage.models import Activation, ActivationRevision, Batch, Run, Sync
from tests.flow import ACTOR, Flow

LANE = "test"
_ANYTHING_OPEN = """SELECT EXISTS (SELECT FROM run WHERE state IN ('new', 'running'))
    OR EXISTS (SELECT FROM sync WHERE state IN ('new', 'pending', 'running'))"""
_PROGRESS = """SELECT (SELECT count(*) FROM run WHERE state NOT IN ('new', 'running')), (SELECT max(number) FROM sync),
    (SELECT array_agg(sync.state ORDER BY id) FROM sync), (SELECT count(*) FROM batch WHERE state <> 'settled')"""
_PAST = func.clock_timestamp() - text("interval '1 second'")


class Hand:
    """Does what is due, once or until nothing is."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.platform = flow.platform
        self._cache = LoadedSyncs(flow.platform)

    async def once(self, *, tasks: tuple[Task, ...] = tuple(Task)) -> int:
        """Do everything of some kinds that is due now; how much that was."""
        async with self.platform.unit_of_work() as session:
            found = [due for due in await find_due(session) if due.task in tasks]
        done = 0
        for due in found:
            match due.task:
                case Task.RECOMPUTE:
                    done += await recompute_audience(
                        self.platform, due.space_id, due.subject_id, lane=LANE
                    )
                case Task.PLAN:
                    done += await plan_sync(self.platform, due.space_id, due.subject_id, lane=LANE)
                case Task.SETTLE:
                    done += await settle_sync(
                        self.platform, due.space_id, due.subject_id, lane=LANE
                    )
                case Task.DELIVER:
                    await self._pump().run()
                    done += 1
                case _:
                    pass
        return done

    async def quiet(self, seconds: float = 60) -> None:
        """Until no run and no sync is open, held ones apart; AssertionError if that many seconds pass without progress."""
        seen: object = None
        deadline = 0.0
        while await self._is_anything_open():
            now = await self.platform.hot.fetchrow(_PROGRESS)
            if now != seen:
                seen, deadline = now, time.monotonic() + seconds
            assert time.monotonic() < deadline, "work is left that nobody can do"
            if not await self.once():
                await asyncio.sleep(0.05)  # what waits for a moment has no event to wait for

    async def planned(self) -> str:
        """Create an activation with a plan of ten entries, of which nothing is sent; returns its id."""
        activation = await self.flow.activate(resync=True)
        await self.flow.supply({"profile_id": f"p{number}"} for number in range(10))
        await self.once(tasks=(Task.RECOMPUTE,))
        await self.once(tasks=(Task.PLAN,))
        return activation

    async def start(self, activation: str, *, kind: str = "incremental", dry: bool = False) -> Sync:
        """Ask for a sync, or what it would do."""
        async with self.platform.unit_of_work() as session:
            row = await session.get(Activation, (self.flow.space_id, activation))
            assert row is not None
            return await syncs.start_sync(session, row, kind=kind, dry_run=dry, actor=ACTOR)

    async def configure(self, activation: str, **config: Any) -> None:
        """Change what an activation's revision says, as the API does: by another revision."""
        async with self.platform.unit_of_work() as session:
            row = await session.get(Activation, (self.flow.space_id, activation))
            assert row is not None
            old = await session.get(ActivationRevision, (self.flow.space_id, row.revision_id))
            assert old is not None
            number = old.number + 1
            new = ActivationRevision(
                space_id=self.flow.space_id,
                id=f"rev_{activation}_{number}",
                activation_id=activation,
                number=number,
                config={**old.config, **config},
                created_by=ACTOR,
            )
            session.add(new)
            await session.flush()
            row.revision_id = new.id
            await lifecycle.configuration_changed(session, row, resync=False, actor=ACTOR)

    async def crash_while_sending(self) -> int:
        """Claim batches and send them, and write nothing down; how many were sent."""
        pump = self._pump()
        await pump._claim()
        held = list(pump._waiting)
        for item in held:
            await attempt(item.loaded, item.claimed)
        async with self.platform.unit_of_work() as session:
            await session.execute(
                update(Batch).where(Batch.state == "sending").values(lease_until=_PAST)
            )
        return len(held)

    async def lose_leases(self) -> None:
        """Let all leases of runs, syncs and batches expire, as if their workers had died."""
        async with self.platform.unit_of_work() as session:
            for table in (Run, Sync, Batch):
                await session.execute(
                    update(table).where(table.lease_until.is_not(None)).values(lease_until=_PAST)
                )

    def _pump(self) -> Pump:
        return Pump(self.platform, self._cache, LANE, asyncio.Event())

    async def _is_anything_open(self) -> bool:
        return bool(await self.platform.hot.fetchval(_ANYTHING_OPEN))


def cut_once(platform: Platform) -> Platform:
    """Return the platform with a database that cuts the connection of its next transaction before the commit."""
    cuts = iter([True])

    @asynccontextmanager
    async def unit_of_work() -> AsyncIterator[AsyncSession]:
        async with platform.unit_of_work() as session:
            yield session
            if next(cuts, False):
                own = await session.scalar(text("SELECT pg_backend_pid()"))
                await platform.hot.execute("SELECT pg_terminate_backend($1)", own)

    return replace(platform, unit_of_work=unit_of_work)


class SteppedFlow(Flow):
    """A flow without a worker: what is due is done when the test waits for it, which costs no polls."""

    async def finished(self, run_id: str, seconds: float = 30) -> Run:
        """Do all that is due; the finished run."""
        await Hand(self).quiet(seconds)
        return await super().finished(run_id, seconds)

    async def quiet(self, activation_id: str, seconds: float = 30) -> Sync:
        """Do all that is due; the last sync of an activation."""
        await Hand(self).quiet(seconds)
        return await super().quiet(activation_id, seconds)


def stepped(flow: Flow) -> SteppedFlow:
    """The same installation, stepped by hand."""
    return SteppedFlow(**vars(flow))
