"""Deliver: claim batches, send them with no transaction open, record what became of them (R8, R12).

One pump claims from all syncs that are due, fairly, and keeps a bounded number of calls in flight. Everything that
may go wrong with a batch ends in one short, fenced transaction.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Batch as Call
from app.connectors.base import Pending, Receipts, Refusal, WholePlan
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    PayloadRejected,
    Throttled,
    TransientFailure,
)
from app.core import clock
from app.core.logging import get_logger
from app.domain import retry
from app.domain.retry import Failure, Verdict
from app.services import leases, syncs, troubles
from app.services.platform import Platform
from app.services.retries import retried
from app.services.sending import Rendered, Sending, SendingCache
from app.storage.models import Batch
from app.storage.repositories.batches import BatchRepository, Claimed
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

SLICE = timedelta(seconds=60)  # R16: then ring again, so that others have their turn
SAFETY = 1.5  # R10: no send is begun unless this many request times are left of the lease
RENEWALS = 4


@dataclass(frozen=True, slots=True)
class Sent:
    """How an attempt ended: receipts, a handle to come back with, or a failure."""

    receipts: Receipts | None = None
    pending: Pending | None = None
    failure: Failure | None = None
    error: ConnectorError | None = None

    @property
    def outcome(self) -> str:
        """The word for the attempt's row."""
        if self.receipts is not None:
            return "delivered"
        return "pending" if self.pending is not None else str(self.failure)


@dataclass(slots=True)
class _InFlight:
    claimed: Claimed
    destination_id: str
    deadline: float  # monotonic: until then the lease is certainly ours
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Pump:
    """Delivers whatever is due until nothing is, or its slice of time is over."""

    platform: Platform
    cache: SendingCache
    lane: str
    stopping: asyncio.Event
    in_flight: dict[tuple[str, int], _InFlight] = field(default_factory=dict)

    async def run(self) -> bool:
        """Deliver; True where something may be left to be done."""
        loop = asyncio.get_running_loop()
        end = loop.time() + SLICE.total_seconds()
        renewing = asyncio.create_task(self._renew())
        try:
            while True:
                more = False
                if loop.time() < end and not self.stopping.is_set():
                    more = await self._claim()
                running = [item.task for item in self.in_flight.values() if item.task]
                if running:
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                elif not more:
                    return loop.time() >= end
        finally:
            renewing.cancel()
            for item in list(self.in_flight.values()):
                if item.task:
                    item.task.cancel()

    async def _claim(self) -> bool:
        settings = self.platform.settings
        room = settings.delivery_concurrency - len(self.in_flight)
        if room <= 0:
            return True
        load = Counter(item.destination_id for item in self.in_flight.values())
        limit = settings.delivery_concurrency_per_account
        busy = [account for account, count in load.items() if count >= limit]
        deadline = asyncio.get_running_loop().time() + settings.lease.total_seconds()
        async with self.platform.unit_of_work() as session:
            claimed = await BatchRepository(session).claim(
                owner=leases.owner(self.lane), lease=settings.lease, limit=room, busy=busy
            )
            sendings = {}
            for sync_id, space_id in {(c.batch.sync_id, c.batch.space_id) for c in claimed}:
                sendings[sync_id] = await self.cache.get(session, sync_id, space_id)
        for item in claimed:
            sending = sendings[item.batch.sync_id]
            flying = _InFlight(item, sending.sync.destination_id, deadline)
            self.in_flight[item.batch.sync_id, item.batch.number] = flying
            flying.task = asyncio.create_task(self._carry_out(flying, sending))
        return bool(claimed)

    async def _carry_out(self, flying: _InFlight, sending: Sending) -> None:
        batch = flying.claimed.batch
        try:
            left = flying.deadline - asyncio.get_running_loop().time()
            needed = self.platform.settings.http_total_timeout.total_seconds() * SAFETY
            if left < needed:
                return  # too late to begin: the lease ends, and somebody claims it anew
            rendered, sent = await send(sending, batch)
            await record(self.platform, sending, flying.claimed, rendered, sent)
        except Exception:
            log.exception("batch_broke", sync_id=batch.sync_id, batch=batch.number)
        finally:
            self.in_flight.pop((batch.sync_id, batch.number), None)

    async def _renew(self) -> None:
        lease = self.platform.settings.lease
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(lease.total_seconds() / RENEWALS)
            asked = loop.time()
            flying = list(self.in_flight.values())
            batches = [item.claimed.batch for item in flying]
            try:
                async with self.platform.unit_of_work() as session:
                    await BatchRepository(session).renew(
                        [(b.space_id, b.sync_id, b.number, b.lease_token) for b in batches], lease
                    )
            except Exception as error:  # noqa: BLE001  without renewal the deadlines pass, and that is safe
                log.warning("leases_not_renewed", error=type(error).__name__)
                continue
            for item in flying:
                item.deadline = asked + lease.total_seconds()


async def send(sending: Sending, batch: Batch) -> tuple[Rendered, Sent]:
    """One attempt at a batch: render, call the partner, say how it ended. Opens no transaction."""
    call = sending.call(batch, clock.now())
    try:
        if batch.kind is None and isinstance(sending.connector, WholePlan):
            return Rendered([], [], {}), _answered(await _send_whole(sending, batch, call))
        rendered = await sending.deliveries(batch)
        if not rendered.deliveries:
            return rendered, Sent(receipts=Receipts())
        call = replace(call, rows=len(rendered.deliveries))
        try:
            return rendered, _answered(await _send_rows(sending, batch, call, rendered))
        except ConnectorError as error:
            return rendered, _failed(error)
    except ConnectorError as error:
        return Rendered([], [], {}), _failed(error)


async def _send_rows(
    sending: Sending, batch: Batch, call: Call, rendered: Rendered
) -> Receipts | Pending:
    if batch.continuation is not None:
        return await sending.connector.resume(call, rendered.deliveries, batch.continuation)
    return await sending.connector.deliver(call, rendered.deliveries)


async def _send_whole(sending: Sending, batch: Batch, call: Call) -> Receipts | Pending:
    connector = sending.connector
    assert isinstance(connector, WholePlan)  # noqa: S101  the caller has looked
    if connector.wants_members(call):
        return await connector.replace(call, sending.members())
    return await connector.deliver_all(call, sending.whole_plan(batch))


def _answered(result: Receipts | Pending) -> Sent:
    return Sent(pending=result) if isinstance(result, Pending) else Sent(receipts=result)


def _failed(error: ConnectorError) -> Sent:
    match error:
        case AuthenticationRejected():
            failure = Failure.UNAUTHORIZED
        case ConfigurationRejected():
            failure = Failure.MISCONFIGURED
        case PayloadRejected():
            failure = Failure.REFUSED
        case Throttled():
            failure = Failure.THROTTLED
        case TransientFailure(ambiguous=False):
            failure = Failure.FAILED
        case _:
            failure = Failure.UNKNOWN
    return Sent(failure=failure, error=error)


async def record(
    platform: Platform, sending: Sending, claimed: Claimed, rendered: Rendered, sent: Sent
) -> None:
    """Write what became of an attempt, in one fenced transaction, and what follows from it."""
    batch = claimed.batch

    async def write(session: AsyncSession) -> None:
        if sent.receipts is not None:
            await _record_receipts(session, sending, claimed, rendered, sent)
        elif sent.pending is not None:
            await _record_pending(session, batch, sent)
        else:
            await _record_failure(platform, session, sending, claimed, sent)

    await retried(platform.unit_of_work, write)
    if sent.receipts is not None:
        async with platform.unit_of_work() as session:
            if await SyncRepository(session).is_to_settle(batch.space_id, batch.sync_id):
                syncs.ring_settle(session, sending.sync)


async def _record_receipts(
    session: AsyncSession, sending: Sending, claimed: Claimed, rendered: Rendered, sent: Sent
) -> None:
    batch, receipts = claimed.batch, sent.receipts
    assert receipts is not None  # noqa: S101  the caller has looked
    kept = receipts_to_json(rendered, receipts)
    rejected, skipped = len(kept.get("rejected", ())), len(kept.get("skipped", ()))
    repository = BatchRepository(session)
    if batch.attempts > 1:
        await repository.failing(batch.space_id, sending.activation.id, failing=False)
    written = await repository.record(
        batch,
        values={
            "state": "settled",
            "receipts": kept,
            "delivered": batch.row_count - rejected - skipped,
            "rejected": rejected,
            "skipped": skipped,
            "failing_since": None,
            "continuation": None,
        },
        wait=None,
        attempt=_attempt(sent),
        failing=False,
    )
    if not written:
        return
    if claimed.probing:
        await repository.close_breaker(batch.space_id, sending.sync.destination_id)
    log.info("batch_delivered", sync_id=batch.sync_id, batch=batch.number, receipts=batch.row_count)


async def _record_pending(session: AsyncSession, batch: Batch, sent: Sent) -> None:
    assert sent.pending is not None  # noqa: S101  the caller has looked
    await BatchRepository(session).record(
        batch,
        values={"state": "waiting", "continuation": dict(sent.pending.handle), "ambiguous": True},
        wait=sent.pending.check_after,
        attempt=_attempt(sent),
        failing=False,
    )


async def _record_failure(
    platform: Platform, session: AsyncSession, sending: Sending, claimed: Claimed, sent: Sent
) -> None:
    batch, error = claimed.batch, sent.error
    assert sent.failure is not None and error is not None  # noqa: S101, PT018  the caller has looked
    refusals = batch.refusals + (sent.failure is Failure.REFUSED)
    verdict = retry.after_failure(
        sent.failure,
        attempts=batch.attempts,
        refusals=refusals,
        waits=platform.settings.retry_waits,
        requested=getattr(error, "retry_after", None),
        chance=random.random(),  # noqa: S311  jitter
    )
    repository = BatchRepository(session)
    # Locks in the one order: activations, the sync, the batch (R7).
    await troubles.lock(session, sending, verdict)
    if verdict.ambiguous:
        await repository.mark_unknown(batch.space_id, batch.sync_id)
    written = await repository.record(
        batch,
        values=_waiting(batch, verdict, refusals),
        wait=verdict.wait,
        attempt=_attempt(sent),
        failing=True,
    )
    if not written:
        return
    await repository.failing(batch.space_id, sending.activation.id, failing=True)
    await troubles.after_failure(platform, session, sending, claimed, sent.failure, error, verdict)
    log.warning(
        "batch_failed",
        sync_id=batch.sync_id,
        batch=batch.number,
        failure=str(sent.failure),
        http_status=error.http_status,
        attempts=batch.attempts,
        wait=verdict.wait.total_seconds(),
    )


def _waiting(batch: Batch, verdict: Verdict, refusals: int) -> dict[str, Any]:
    return {
        "state": "waiting",
        "refusals": refusals,
        "ambiguous": batch.ambiguous or verdict.ambiguous,
    }


def _attempt(sent: Sent) -> dict[str, Any]:
    source = sent.receipts or sent.error
    return {
        "outcome": sent.outcome,
        "http_status": getattr(source, "http_status", None),
        "vendor_request_id": getattr(source, "vendor_request_id", None),
        "error": sent.error.message[:1024] if sent.error else None,
    }


def receipts_to_json(rendered: Rendered, receipts: Receipts) -> dict[str, Any]:
    """What is kept of receipts: only what is out of the ordinary, by index in the batch."""
    kept: dict[str, Any] = {}

    def put(name: str, index: int, value: Any) -> None:
        kept.setdefault(name, {})[str(index)] = value

    def place(index: int) -> int:
        return rendered.indexes[index] if rendered.indexes else index

    for index, refusal in rendered.refused.items():
        put("rejected", index, _refusal(refusal))
    for index, refusal in receipts.rejected.items():
        put("rejected", place(index), _refusal(refusal))
    for index, refusal in receipts.skipped.items():
        put("skipped", place(index), _refusal(refusal))
    for index, partner_id in receipts.partner_ids.items():
        put("partnerIds", place(index), partner_id)
    return kept


def _refusal(refusal: Refusal) -> Mapping[str, str]:
    return {"code": refusal.code, "message": refusal.message}
