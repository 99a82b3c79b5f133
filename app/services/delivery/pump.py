"""The pump: claims due batches of all syncs, fairly, and keeps a bounded number of calls in flight (R8 to R12).

Batches are claimed a little ahead of the calls, so that a claim is one transaction for many. Each is begun only while
enough of its lease is left; one that is not begun when the worker stops is given back untried.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from app.core.logging import get_logger
from app.services.delivery.attempt import UNEXPECTED, send_batch
from app.services.delivery.loaded_sync import LoadedSync, LoadedSyncs
from app.services.delivery.record import Ended, Recorder, record_unloadable
from app.services.delivery.request_log import logging_client
from app.services.platform import Platform, keep_leases, lease_owner
from app.services.syncs import settle_sync
from app.storage.models import Batch
from app.storage.repositories.batches import BatchRepository, Claimed

log = get_logger(__name__)

SLICE = timedelta(seconds=60)  # R16: then ring again, so that others have their turn
SAFETY = 1.5  # R10: no send is begun unless this many request times are left of the lease
AHEAD = 3  # claimed for each that is in flight
RESERVE = 4  # resyncs leave one place in so many to what is urgent
LOOK = 0.5  # seconds after which it is looked for other accounts' batches, however slow the calls in flight are


@dataclass(slots=True)
class _Held:
    """A batch that is ours: waiting for its turn, or in flight."""

    claimed: Claimed
    sending: LoadedSync
    deadline: float  # monotonic: until then the lease is certainly ours
    task: asyncio.Task[None] | None = None

    @property
    def batch_id(self) -> tuple[str, str, int]:
        batch = self.claimed.batch
        return (batch.space_id, batch.sync_id, batch.number)

    @property
    def account(self) -> str:
        return self.sending.sync.destination_id

    @property
    def is_resync(self) -> bool:
        return self.sending.sync.kind == "resync"


@dataclass(slots=True)
class Pump:
    """Delivers whatever is due until nothing is, or its slice of time is over."""

    platform: Platform
    cache: LoadedSyncs
    lane: str
    stopping: asyncio.Event
    recorder: Recorder = field(init=False)
    _waiting: list[_Held] = field(default_factory=list)
    _flying: dict[asyncio.Task[None], _Held] = field(default_factory=dict)
    _settling: set[asyncio.Task[bool]] = field(default_factory=set)
    _looked: float = 0.0  # when it was last looked for batches

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.platform, self._in_hand, self._settle)

    def _settle(self, space_id: str, sync_id: str) -> None:
        """The last batch is through: settle at once. Should that be cut, the sweep finds it."""
        task = asyncio.create_task(settle_sync(self.platform, space_id, sync_id, lane=self.lane))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    def _in_hand(self, sync_id: str) -> int:
        held = (*self._waiting, *self._flying.values())
        return sum(item.claimed.batch.sync_id == sync_id for item in held)

    async def run(self) -> bool:
        """Deliver; True where something may be left to be done."""
        loop = asyncio.get_running_loop()
        end = loop.time() + SLICE.total_seconds()
        renewing = asyncio.create_task(self._renew())
        try:
            while True:
                over = loop.time() >= end or self.stopping.is_set()
                if self.stopping.is_set():
                    await self._give_back()
                dry = over or not await self._claim()
                self._begin()
                if self._flying:
                    await asyncio.wait(
                        self._flying, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED
                    )
                elif self._settling:
                    # Meanwhile it goes on looking for batches that become due.
                    await asyncio.wait(self._settling, timeout=LOOK / 5)
                elif dry and not self._waiting:
                    return over
        finally:
            renewing.cancel()
            cut = [*self._flying, *self._settling]
            for task in cut:
                task.cancel()
            await asyncio.gather(renewing, *cut, return_exceptions=True)

    async def _claim(self) -> bool:
        """Claim when less than half of what may be held is; False where nothing was due.

        What resyncs hold keeps nobody from claiming what is urgent.
        """
        settings = self.platform.settings
        now = asyncio.get_running_loop().time()
        held = [*self._waiting, *self._flying.values()]
        resyncs = Counter(item.account for item in held if item.is_resync)
        urgent = Counter(item.account for item in held if not item.is_resync)
        all_places = settings.delivery_concurrency * AHEAD
        most = settings.delivery_concurrency_per_account * AHEAD
        room = all_places - len(held)
        crowded = len(held) > all_places // 2
        if room <= 0 or urgent.total() > all_places // 2:
            return True
        if crowded and (not resyncs or now < self._looked + LOOK):
            return True
        self._looked = now
        busy = [account for account, count in urgent.items() if count > most // 2]
        filled = [account for account, count in resyncs.items() if count > most // 2]
        deadline = now + settings.lease.total_seconds()
        try:
            async with self.platform.unit_of_work() as session:
                claimed = await BatchRepository(session).claim(
                    owner=lease_owner(self.lane),
                    lease=settings.lease,
                    limit=min(room, most),
                    busy=busy,
                    filled=filled,
                    resyncs=0 if crowded else max(0, _but_reserve(all_places) - len(held)),
                )
        except Exception as error:  # noqa: BLE001  what is in flight must not be cut for that
            log.warning("claim_failed", error=type(error).__name__)
            return False
        loaded: dict[str, LoadedSync | None] = {}
        for item in claimed:
            sync_id = item.batch.sync_id
            if sync_id not in loaded:
                loaded[sync_id] = await self._load(item.batch)
            sending = loaded[sync_id]
            if sending is None:
                await self._put_off(item.batch)
            else:
                self._waiting.append(_Held(item, sending, deadline))
        return bool(claimed) or crowded

    async def _load(self, batch: Batch) -> LoadedSync | None:
        """What a sync's batches are sent with; None where that cannot be read: that sync's trouble and nobody else's."""
        try:
            async with self.platform.unit_of_work() as session:
                sending = await self.cache.get(session, batch.sync_id, batch.space_id)
            return logging_client(sending) if sending.sync.kind == "test" else sending
        except Exception:
            log.exception("sync_not_loaded", sync_id=batch.sync_id)
            return None

    async def _put_off(self, batch: Batch) -> None:
        try:
            await record_unloadable(self.platform, batch)
        except Exception as error:  # noqa: BLE001  its lease will end by itself
            log.warning("batch_not_put_off", sync_id=batch.sync_id, error=type(error).__name__)

    def _begin(self) -> None:
        """Begin what may be begun, in the order of claiming; one dead account holds up nobody else's batches."""
        settings = self.platform.settings
        load = Counter(item.account for item in self._flying.values())
        left: list[_Held] = []
        for item in sorted(self._waiting, key=lambda held: held.is_resync):
            places = settings.delivery_concurrency
            of_account = settings.delivery_concurrency_per_account
            if item.is_resync:
                places, of_account = _but_reserve(places), _but_reserve(of_account)
            if len(self._flying) >= places or load[item.account] >= of_account:
                left.append(item)
                continue
            load[item.account] += 1
            item.task = asyncio.create_task(self._carry_out(item))
            self._flying[item.task] = item
            item.task.add_done_callback(lambda task: self._flying.pop(task, None) and None)
        self._waiting = left

    async def _carry_out(self, item: _Held) -> None:
        batch = item.claimed.batch
        try:
            left = item.deadline - asyncio.get_running_loop().time()
            if left < self.platform.settings.http_total_timeout.total_seconds() * SAFETY:
                return  # too late to begin: the lease ends, and somebody claims it anew
            rendered, sent = await send_batch(item.sending, batch)
            if sent.error is not None and sent.error.code == UNEXPECTED:
                self.cache.forget(batch.sync_id)
            await self.recorder.record(Ended(item.sending, item.claimed, rendered, sent))
        except Exception:
            # One batch must not end the pump; its lease will end by itself.
            log.exception("batch_broke", sync_id=batch.sync_id, batch=batch.number)

    async def _give_back(self) -> None:
        """R18: what has not been begun is nobody's attempt."""
        untried, self._waiting = self._waiting, []
        if not untried:
            return
        try:
            async with self.platform.unit_of_work() as session:
                await BatchRepository(session).give_back([item.claimed.batch for item in untried])
        except Exception as error:  # noqa: BLE001  their leases will end by themselves
            log.warning("batches_not_given_back", error=type(error).__name__)

    async def _renew(self) -> None:
        """Renew the leases of all claimed batches until the task is cancelled (R10)."""
        lease = self.platform.settings.lease

        async def renew(held: Sequence[_Held]) -> Callable[[_Held], bool]:
            async with self.platform.unit_of_work() as session:
                kept = await BatchRepository(session).renew(
                    [item.claimed.batch for item in held], lease
                )
            return lambda item: item.batch_id in kept

        await keep_leases(
            lambda: (*self._waiting, *self._flying.values()), renew, self._lose, lease
        )

    def _lose(self, item: _Held) -> None:
        """Somebody else has the batch by now: what he sends must not be followed by this older try (R10)."""
        self._waiting = [one for one in self._waiting if one is not item]
        if item.task is not None:
            item.task.cancel()
        log.warning("batch_lost", sync_id=item.claimed.batch.sync_id)


def _but_reserve(places: int) -> int:
    """What resyncs may take of so many places."""
    return places - places // RESERVE
