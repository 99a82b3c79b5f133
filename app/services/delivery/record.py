"""Recording: the last step of a batch, in a short fenced transaction; those that were delivered many at a time (R12)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import BudgetSpent, Throttled
from app.core.logging import get_logger
from app.domain import retry
from app.services.delivery.attempt import Ended
from app.services.delivery.receipts import delivered_batch
from app.services.delivery.undelivered import record_undelivered
from app.services.platform import Platform, retry_transaction
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.batch_counts import Recorded
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.due import DueQueries

log = get_logger(__name__)


@dataclass(slots=True)
class Recorder:
    """Writes ended attempts. All that end while a transaction runs are written together in the next one."""

    platform: Platform
    in_hand: Callable[[str], int]  # id of a sync -> number of its batches that the pump has
    all_recorded: Callable[[str, str], None]  # called with the space and id of a finished sync
    _waiting: list[tuple[Ended, asyncio.Future[None]]] = field(default_factory=list)
    _writing: asyncio.Task[None] | None = None

    async def write(self, ended: Ended) -> None:
        """Record one attempt. Returns when the record is committed, or refused because the lease was lost."""
        if not _is_delivered(ended):
            await retry_transaction(
                self.platform.unit_of_work,
                lambda session: record_undelivered(self.platform, session, ended),
            )
            await self._pause_calls(ended)
            if ended.sent.at_last is not None or ended.calls is not None:
                await self._report_finished([ended])
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((ended, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_waiting())
        await done

    async def finish(self) -> None:
        """Wait for the transaction that is being written, whose callers may have been cancelled."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _pause_calls(self, ended: Ended) -> None:
        """Stop all calls to an account for as long as the partner asked for."""
        error = ended.sent.error
        if (
            isinstance(error, Throttled)
            and not isinstance(error, BudgetSpent)
            and error.retry_after
        ):
            pause = min(error.retry_after, retry.LONGEST_REQUESTED_WAIT)
            await self.platform.budgets.pause(ended.loaded.sync.destination_id, pause)

    async def _write_waiting(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            try:
                await self._write_delivered([ended for ended, _ in taken])
            except Exception as error:  # noqa: BLE001  each waiting attempt gets it
                _finish(taken, error)
            else:
                _finish(taken, None)

    async def _write_delivered(self, taken: Sequence[Ended]) -> None:
        delivered = [_recorded(ended) for ended in taken]
        await retry_transaction(
            self.platform.unit_of_work, lambda session: _write(session, taken, delivered)
        )
        for item in delivered:
            log.info(
                "batch_delivered",
                sync_id=item.batch.sync_id,
                batch=item.batch.number,
                receipts=item.batch.row_count,
            )
        await self._report_finished(taken)

    async def _report_finished(self, taken: Sequence[Ended]) -> None:
        """Report the syncs whose batches are all recorded. A sync with more batches in hand need not be looked at."""
        counts = Counter(ended.claimed.batch.sync_id for ended in taken)
        last = {
            ended.claimed.batch.sync_id: ended.claimed.batch
            for ended in taken
            if self.in_hand(ended.claimed.batch.sync_id) <= counts[ended.claimed.batch.sync_id]
        }
        if not last:
            return
        async with self.platform.unit_of_work() as session:
            due = DueQueries(session)
            finished = [
                batch
                for batch in last.values()
                if await due.is_to_settle(batch.space_id, batch.sync_id)
            ]
        for batch in finished:
            self.all_recorded(batch.space_id, batch.sync_id)


def _is_delivered(ended: Ended) -> bool:
    """Return whether each change of the batch has receipts."""
    return ended.sent.receipts is not None or (ended.calls is not None and ended.calls.is_complete)


def _recorded(ended: Ended) -> Recorded:
    if ended.calls is not None:
        return ended.calls.recorded()
    assert ended.sent.receipts is not None  # noqa: S101  it was delivered
    return delivered_batch(ended.claimed.batch, ended.sent.receipts)


async def _write(
    session: AsyncSession, taken: Sequence[Ended], delivered: Sequence[Recorded]
) -> None:
    # An activation that delivers is not failing. Rows are locked in one order, like all activations (R7).
    activations = {(ended.claimed.batch.space_id, ended.loaded.activation.id) for ended in taken}
    for space_id, activation_id in sorted(activations):
        await ActivationRepository(session).set_failing(space_id, activation_id, None)
    await BatchRepository(session).record(delivered)
    for ended in taken:
        if ended.claimed.probing:
            await DestinationRepository(session).close_breaker(
                ended.claimed.batch.space_id, ended.loaded.sync.destination_id
            )


def _finish(taken: Sequence[tuple[Ended, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, done in taken:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
