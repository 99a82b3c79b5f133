"""Records: what became of attempts, in short fenced transactions; those that went well many at a time (R12)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Receipts, Refusal
from app.connectors.errors import BudgetSpent, Throttled, TransientFailure
from app.core.logging import get_logger
from app.domain import retry
from app.domain.batch_states import BatchState
from app.domain.retry import Failure, Verdict
from app.services.delivery import failures
from app.services.delivery.attempt import Sent
from app.services.delivery.loaded_sync import LoadedSync, Rendered
from app.services.platform import Platform, retry_transaction
from app.storage.models import Batch
from app.storage.repositories.batches import BatchRepository, Claimed, Settled
from app.storage.repositories.breakers import BreakerRepository
from app.storage.repositories.due import DueRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

UNLOADABLE = "what the sync is sent with cannot be read; see the worker's log"


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that has ended and is not written yet."""

    sending: LoadedSync
    claimed: Claimed
    rendered: Rendered
    sent: Sent

    @property
    def batch(self) -> Batch:
        """The batch that was tried."""
        return self.claimed.batch


@dataclass(slots=True)
class Recorder:
    """Writes ended attempts: whatever has ended while the last transaction ran goes into the next one together."""

    platform: Platform
    in_hand: Callable[[str], int]  # how many batches of a sync its pump has, ended ones too
    all_settled: Callable[
        [str, str], None
    ]  # told the space and id of a sync without unsettled batches
    _waiting: list[tuple[Ended, asyncio.Future[None]]] = field(default_factory=list)
    _writing: asyncio.Task[None] | None = None

    async def record(self, ended: Ended) -> None:
        """Write one attempt; returns when it is committed, or its fence has refused it."""
        if ended.sent.receipts is None:
            await retry_transaction(
                self.platform.unit_of_work, lambda session: self._other(session, ended)
            )
            await self._heed(ended)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((ended, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done

    async def _heed(self, ended: Ended) -> None:
        """A partner that asked us to wait is left alone by all of its account's activations."""
        error = ended.sent.error
        if (
            isinstance(error, Throttled)
            and not isinstance(error, BudgetSpent)
            and error.retry_after
        ):
            pause = min(error.retry_after, retry.LONGEST_REQUESTED_WAIT)
            await self.platform.budgets.pause(ended.sending.sync.destination_id, pause)

    async def _write(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            try:
                await self._write_settled([ended for ended, _ in taken])
            except Exception as error:  # noqa: BLE001  each waiting attempt hears of it
                _tell(taken, error)
            else:
                _tell(taken, None)

    async def _write_settled(self, taken: Sequence[Ended]) -> None:
        settled = [_settled(ended) for ended in taken]

        async def write(session: AsyncSession) -> None:
            repository = BatchRepository(session)
            # Whoever delivers anything does not only fail; in one order, as all locks of activations (R7).
            places = {(ended.batch.space_id, ended.sending.activation.id) for ended in taken}
            for space_id, activation_id in sorted(places):
                await repository.failing(space_id, activation_id, failing=False)
            await repository.settle(settled)
            for ended in taken:
                if ended.claimed.probing:
                    await BreakerRepository(session).close_breaker(
                        ended.batch.space_id, ended.sending.sync.destination_id
                    )

        await retry_transaction(self.platform.unit_of_work, write)
        for item in settled:
            log.info(
                "batch_delivered",
                sync_id=item.batch.sync_id,
                batch=item.batch.number,
                receipts=item.batch.row_count,
            )
        await self._look_for_the_last(taken)

    async def _look_for_the_last(self, taken: Sequence[Ended]) -> None:
        """Tell of syncs that have no unsettled batch; those of which we have more in hand need not be looked at."""
        counts = Counter(ended.batch.sync_id for ended in taken)
        last = {
            ended.batch.sync_id: ended
            for ended in taken
            if self.in_hand(ended.batch.sync_id) <= counts[ended.batch.sync_id]
        }
        if not last:
            return
        async with self.platform.unit_of_work() as session:
            due = DueRepository(session)
            done = [
                ended.batch
                for ended in last.values()
                if await due.is_to_settle(ended.batch.space_id, ended.batch.sync_id)
            ]
        for batch in done:
            self.all_settled(batch.space_id, batch.sync_id)

    async def _other(self, session: AsyncSession, ended: Ended) -> None:
        if ended.sent.pending is not None:
            await _record_pending(session, ended)
        elif isinstance(ended.sent.error, BudgetSpent):
            await _record_unsent(session, ended, ended.sent.error)
        else:
            await _record_failure(self.platform, session, ended)


def _tell(taken: Sequence[tuple[Ended, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, done in taken:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)


def _settled(ended: Ended) -> Settled:
    receipts = ended.sent.receipts
    assert receipts is not None  # noqa: S101  the caller has looked
    kept = receipts_to_json(ended.rendered, receipts)
    return Settled(
        batch=ended.batch,
        receipts=orjson.dumps(kept).decode(),
        rejected=len(kept.get("rejected", ())),
        skipped=len(kept.get("skipped", ())),
        http_status=receipts.http_status,
        vendor_request_id=receipts.vendor_request_id,
    )


async def _record_pending(session: AsyncSession, ended: Ended) -> None:
    pending = ended.sent.pending
    assert pending is not None  # noqa: S101  the caller has looked
    await BatchRepository(session).record(
        ended.batch,
        values={
            "state": BatchState.WAITING,
            "continuation": dict(pending.handle),
            "ambiguous": True,
        },
        wait=pending.check_after,
        attempt={"outcome": "pending"},
        failing=False,
    )


async def _record_unsent(session: AsyncSession, ended: Ended, error: BudgetSpent) -> None:
    """Our own budget was spent: nothing went out, and nobody failed."""
    await BatchRepository(session).record(
        ended.batch,
        values={
            "state": BatchState.WAITING,
            "ambiguous": ended.batch.ambiguous or ended.sent.partly,
        },
        wait=error.retry_after or timedelta(seconds=1),
        attempt={"outcome": "budget"},
        failing=False,
    )


async def _record_failure(platform: Platform, session: AsyncSession, ended: Ended) -> None:
    batch, error, failure = ended.batch, ended.sent.error, ended.sent.failure
    assert failure is not None and error is not None  # noqa: S101, PT018  the caller has looked
    refusals = batch.refusals + (failure is Failure.REFUSED)
    verdict = retry.after_failure(
        failure,
        attempts=batch.attempts,
        refusals=refusals,
        waits=platform.settings.retry_waits,
        requested=getattr(error, "retry_after", None),
        chance=random.random(),  # noqa: S311  jitter
    )
    repository = BatchRepository(session)
    # Locks in the one order: activations, the sync, the batch (R7).
    await failures.lock_for_failure(session, ended.sending, verdict)
    if verdict.ambiguous:
        await repository.mark_unknown(batch.space_id, batch.sync_id)
    written = await repository.record(
        batch,
        values=_waiting(ended, verdict, refusals),
        wait=verdict.wait,
        attempt={
            "outcome": str(failure),
            "http_status": error.http_status,
            "vendor_request_id": error.vendor_request_id,
            "error": error.message[:1024],
        },
        failing=True,
    )
    if not written:
        return
    if ended.sending.sync.kind != "test":
        await repository.failing(batch.space_id, ended.sending.activation.id, failing=True)
    await failures.after_failure(
        platform, session, ended.sending, ended.claimed, failure, error, verdict
    )
    log.warning(
        "batch_failed",
        sync_id=batch.sync_id,
        batch=batch.number,
        failure=str(failure),
        http_status=error.http_status,
        attempts=batch.attempts,
        wait=verdict.wait.total_seconds(),
    )


def _waiting(ended: Ended, verdict: Verdict, refusals: int) -> dict[str, Any]:
    return {
        "state": BatchState.WAITING,
        "refusals": refusals,
        "ambiguous": ended.batch.ambiguous or verdict.ambiguous or ended.sent.partly,
    }


async def record_unloadable(platform: Platform, batch: Batch) -> None:
    """What a batch is sent with could not be read: it waits as after any failure, and its sync ends in time (R23)."""
    error = TransientFailure(UNLOADABLE, ambiguous=False, code="unloadable")
    wait = retry.backoff(batch.attempts, platform.settings.retry_waits, random.random())  # noqa: S311  jitter

    async def write(session: AsyncSession) -> None:
        repository = SyncRepository(session)
        sync = await repository.get(batch.space_id, batch.sync_id)
        if sync is None:
            return
        await repository.activation(batch.space_id, sync.activation_id, lock=True)
        written = await BatchRepository(session).record(
            batch,
            values={"state": BatchState.WAITING},
            wait=wait,
            attempt={"outcome": "unloadable", "error": error.message},
            failing=True,
        )
        if written:
            await BatchRepository(session).failing(batch.space_id, sync.activation_id, failing=True)
            await failures.give_up_if_late(platform, session, batch, sync.activation_id, error)

    await retry_transaction(platform.unit_of_work, write)


def receipts_to_json(rendered: Rendered, receipts: Receipts) -> dict[str, Any]:
    """What is kept of receipts: only what is out of the ordinary, by index in the batch."""
    kept: dict[str, Any] = {}

    def put(name: str, index: int, value: Any) -> None:
        kept.setdefault(name, {})[str(index)] = value

    def place(index: int) -> int:
        return rendered.indexes[index] if rendered.indexes is not None else index

    for index, refusal in rendered.refused.items():
        put("rejected", index, _refusal(refusal))
    for index, refusal in receipts.rejected.items():
        put("rejected", place(index), _refusal(refusal))
    for index, refusal in receipts.skipped.items():
        put("skipped", place(index), _refusal(refusal))
    for index, partner_id in receipts.partner_ids.items():
        put("partnerIds", place(index), partner_id)
    if receipts.exports:
        kept["exports"] = list(receipts.exports)
    return kept


def _refusal(refusal: Refusal) -> Mapping[str, str]:
    return {"code": refusal.code, "message": refusal.message}
