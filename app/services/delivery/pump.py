"""The pump: claims due batches of all syncs, fairly, and drives each through prepare, send and record (R8 to R12).

Batches are claimed a little ahead of the calls, so that one transaction claims many. A batch is started only while enough of
its lease is left. A batch that is not started when the worker stops is given back without an attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from app.core.logging import get_logger
from app.services.delivery.attempt import UNEXPECTED, Ended, failed, send
from app.services.delivery.call_run import CallRun
from app.services.delivery.claim_limits import ClaimLimits, claim_limits
from app.services.delivery.given_up import give_up_batch, report_alive
from app.services.delivery.held import Held, share_out, weights
from app.services.delivery.loaded_sync import LoadedSync, prepare
from app.services.delivery.progress import keep_progress
from app.services.delivery.record import Recorder
from app.services.delivery.sync_cache import LoadedSyncs
from app.services.delivery.undelivered import record_unloadable
from app.services.platform import (
    MAX_LOST_LEASES,
    Platform,
    keep_leases,
    lease_owner,
    release_lease,
)
from app.services.syncs import settle_sync
from app.storage.models import Batch
from app.storage.repositories.batch_counts import Claimed
from app.storage.repositories.batches import BatchRepository

log = get_logger(__name__)

SLICE = timedelta(
    seconds=60
)  # R16: then another delivery is enqueued, so that other tasks get their turn
SAFETY = 1.5  # R10: no call is started unless this many request times are left of the lease
LOOK = (
    0.5  # seconds between looks for batches of other accounts, however slow the calls in flight are
)

PROGRESS = 1.0  # seconds between two records of progress
SUSPECTS = 20.0  # seconds of a slice for batches that are sent alone
ONE_SUSPECT = ClaimLimits(is_crowded=False, limit=1, busy=[], filled=[], resyncs=1)


@dataclass(slots=True)
class Pump:
    """Delivers what is due until nothing is, or until its slice of time is over."""

    platform: Platform
    cache: LoadedSyncs
    lane: str
    stopping: asyncio.Event
    recorder: Recorder = field(init=False)
    _waiting: list[Held] = field(default_factory=list)
    _flying: dict[asyncio.Task[None], Held] = field(default_factory=dict)
    _settling: set[asyncio.Task[bool]] = field(default_factory=set)
    _reporting: set[asyncio.Task[None]] = field(default_factory=set)
    _is_closed: bool = False  # no call is started any more
    _looked: float = 0.0  # when the pump last looked for batches

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.platform, self._in_hand, self._settle)

    def _settle(self, space_id: str, sync_id: str) -> None:
        """Settle a sync after its last batch, at once. If that is cut, the sweep finds the sync."""
        task = asyncio.create_task(settle_sync(self.platform, space_id, sync_id, lane=self.lane))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    def _held(self) -> list[Held]:
        return [*self._waiting, *self._flying.values()]

    def _in_hand(self, sync_id: str) -> int:
        return sum(item.claimed.batch.sync_id == sync_id for item in self._held())

    async def run(self) -> bool:
        """Deliver. Returns True if work may be left."""
        loop = asyncio.get_running_loop()
        end = loop.time() + SLICE.total_seconds()
        renewing = [asyncio.create_task(self._renew()), asyncio.create_task(self._keep_progress())]
        try:
            await self._send_suspects()
            while True:
                over = loop.time() >= end or self.stopping.is_set()
                if self.stopping.is_set():
                    await self._give_back()
                dry = over or not await self._claim()
                self._begin()
                if self._flying or self._settling:
                    await self._wait()
                elif dry and not self._waiting:
                    return over
        finally:
            await self._cancel(renewing)

    async def _send_suspects(self) -> None:
        """Send batches that may be what ends workers, one at a time and nothing else: so the others are not counted."""
        loop = asyncio.get_running_loop()
        until = loop.time() + SUSPECTS
        while loop.time() < until and not self.stopping.is_set():
            if await self._take(ONE_SUSPECT, suspects=True) <= 0:
                return
            self._begin()
            while self._flying:
                await self._wait()

    async def _wait(self) -> None:
        """Wait for a call to end, or else for syncs to settle."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
        else:
            # While they settle, the pump goes on looking for batches that become due.
            await asyncio.wait(self._settling, timeout=LOOK / 5)

    async def _cancel(self, renewing: Sequence[asyncio.Task[None]]) -> None:
        self._is_closed = True
        tasks = [*renewing, *self._flying, *self._settling]
        cut = [item.claimed.batch for item in self._held()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if cut:
            self._report_alive(cut)
        await release_lease(self._written())

    def _report_alive(self, batches: Sequence[Batch]) -> None:
        reporting = asyncio.create_task(report_alive(self.platform, batches))
        self._reporting.add(reporting)
        reporting.add_done_callback(self._reporting.discard)

    async def _written(self) -> None:
        """Wait for what is still being written: records and reports."""
        await asyncio.gather(self.recorder.finish(), *self._reporting)

    async def _claim(self) -> bool:
        """Claim and load batches, if less than half of the slots is taken. Returns False if nothing is due."""
        settings = self.platform.settings
        now = asyncio.get_running_loop().time()
        concurrency = self.platform.concurrency
        held = weights(concurrency.limit, self._held())
        limits = claim_limits(settings, concurrency, held)
        if limits is None or (limits.is_crowded and now < self._looked + LOOK):
            return True
        self._looked = now
        claimed = await self._take(limits)
        return claimed > 0 or (claimed == 0 and limits.is_crowded)

    async def _take(self, limits: ClaimLimits, *, suspects: bool = False) -> int:
        """Claim and load batches. Returns their number, -1 if that failed."""
        now = asyncio.get_running_loop().time()
        try:
            claimed = await self._claimed(limits, suspects)
        except Exception as error:  # noqa: BLE001  the calls in flight must not be cut for that
            log.warning("claim_failed", error=type(error).__name__)
            return -1
        deadline = now + self.platform.settings.lease.total_seconds()
        await self._load(claimed, deadline=deadline)
        return len(claimed)

    async def _claimed(self, limits: ClaimLimits, suspects: bool) -> list[Claimed]:
        async with self.platform.unit_of_work() as session:
            return await BatchRepository(session).claim(
                owner=lease_owner(self.lane),
                lease=self.platform.settings.lease,
                limit=limits.limit,
                busy=limits.busy,
                filled=limits.filled,
                resyncs=limits.resyncs,
                suspects=suspects,
            )

    async def _load(self, claimed: Sequence[Claimed], *, deadline: float) -> None:
        """Load the sync of each claimed batch, once for a sync. A batch whose sync cannot be loaded waits (R23)."""
        loaded: dict[str, LoadedSync | Exception] = {}
        for item in claimed:
            if item.batch.lost_leases >= MAX_LOST_LEASES:
                await self._give_up(item.batch)
                continue
            sync_id = item.batch.sync_id
            if sync_id not in loaded:
                loaded[sync_id] = await self._loaded(item.batch)
            sync = loaded[sync_id]
            if isinstance(sync, Exception):
                await self._put_off(item.batch, sync)
            else:
                self._waiting.append(self._hold(item, sync, deadline))

    async def _loaded(self, batch: Batch) -> LoadedSync | Exception:
        """Load a sync. Returns the error, and logs it, if it cannot be loaded, so that others continue."""
        try:
            async with self.platform.unit_of_work() as session:
                return await self.cache.get(session, batch.sync_id, batch.space_id)
        except Exception as error:
            log.exception("sync_not_loaded", sync_id=batch.sync_id)
            return error

    async def _give_up(self, batch: Batch) -> None:
        try:
            await give_up_batch(self.platform, batch)
        except Exception as error:  # noqa: BLE001  its lease will expire
            log.warning("batch_not_given_up", sync_id=batch.sync_id, error=type(error).__name__)

    async def _put_off(self, batch: Batch, why: Exception) -> None:
        try:
            await record_unloadable(self.platform, batch, why)
        except Exception as error:  # noqa: BLE001  its lease will expire
            log.warning("batch_not_put_off", sync_id=batch.sync_id, error=type(error).__name__)
            await report_alive(self.platform, [batch])

    def _hold(self, claimed: Claimed, loaded: LoadedSync, deadline: float) -> Held:
        held = Held(claimed, loaded, deadline)
        if claimed.batch.call_rows is not None:
            held.run = CallRun(loaded, claimed, lambda: self._may_start(held), self._begin)
        return held

    def _may_start(self, item: Held) -> bool:
        """Return whether a call may be started: the worker is not stopping, and the lease lasts long enough (R10)."""
        left = item.deadline - asyncio.get_running_loop().time()
        needed = self.platform.settings.http_total_timeout.total_seconds() * SAFETY
        return not self.stopping.is_set() and left >= needed

    def _begin(self) -> None:
        """Start calls, of batches in flight and of those that wait."""
        if self._is_closed or self.stopping.is_set():
            return
        flying = list(self._flying.values())
        limit_of = self.platform.concurrency.limit
        shares = share_out(self.platform.settings, limit_of, flying, self._waiting)
        for item, lanes in list(shares):
            if item.run is not None:
                item.run.add_lanes(lanes)
            if item.task is None:
                item.task = asyncio.create_task(self._deliver(item))
                self._flying[item.task] = item
                item.task.add_done_callback(lambda task: self._flying.pop(task, None) and None)
        self._waiting = [item for item in self._waiting if item.task is None]

    async def _deliver(self, item: Held) -> None:
        """Prepare, send and record one batch."""
        batch = item.claimed.batch
        try:
            left = item.deadline - asyncio.get_running_loop().time()
            if left < self.platform.settings.http_total_timeout.total_seconds() * SAFETY:
                # Too late to start: the lease expires, and the batch is claimed again.
                await report_alive(self.platform, [batch])
                return
            if item.run is not None:
                ended = await item.run.run()
            else:
                ended = await attempt(item.loaded, item.claimed)
            if ended.sent.error is not None and ended.sent.error.code == UNEXPECTED:
                self.cache.forget(batch.sync_id)
            await self.recorder.write(ended)
        except Exception:
            # One batch must not end the pump; its lease will expire.
            log.exception("batch_broke", sync_id=batch.sync_id, batch=batch.number)
            await report_alive(self.platform, [batch])

    async def _give_back(self) -> None:
        """Give back the batches that were not started, without an attempt (R18)."""
        unstarted, self._waiting = self._waiting, []
        if not unstarted:
            return
        try:
            async with self.platform.unit_of_work() as session:
                await BatchRepository(session).give_back([item.claimed.batch for item in unstarted])
        except Exception as error:  # noqa: BLE001  their leases will expire
            log.warning("batches_not_given_back", error=type(error).__name__)
            await report_alive(self.platform, [item.claimed.batch for item in unstarted])

    async def _renew(self) -> None:
        """Renew the leases of all batches that the pump has, until the task is cancelled (R10)."""
        lease = self.platform.settings.lease

        async def renew(held: Sequence[Held]) -> Callable[[Held], bool]:
            async with self.platform.unit_of_work() as session:
                kept = await BatchRepository(session).renew(
                    [item.claimed.batch for item in held], lease
                )
            return lambda item: item.batch_id in kept

        await keep_leases(self._held, renew, self._lose, lease)

    async def _keep_progress(self) -> None:
        """Record the progress of the batches of many calls once a second, until the task is cancelled."""
        while True:
            await asyncio.sleep(PROGRESS)
            runs = [item.run for item in self._flying.values() if item.run and not item.run.is_over]
            try:
                await keep_progress(self.platform, runs)
            except Exception as error:  # noqa: BLE001  then more calls are unknown if the worker ends
                log.warning("progress_not_kept", error=type(error).__name__)

    def _lose(self, item: Held) -> None:
        """Cancel a batch that another worker may have: its newer call must not be followed by this older one (R10)."""
        self._waiting = [one for one in self._waiting if one is not item]
        if item.task is not None:
            item.task.cancel()
        log.warning("batch_lost", sync_id=item.claimed.batch.sync_id)
        self._report_alive([item.claimed.batch])


async def attempt(loaded: LoadedSync, claimed: Claimed) -> Ended:
    """Prepare and send a claimed batch. An error in either ends as a failed attempt (R23)."""
    if claimed.batch.call_rows is not None:
        run = CallRun(loaded, claimed, lambda: True)
        run.add_lanes(1)
        return await run.run()
    try:
        prepared = await prepare(loaded, claimed)
    except Exception as error:  # noqa: BLE001  see the docstring
        return failed(loaded, claimed, error)
    return await send(prepared)
