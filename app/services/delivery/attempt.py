"""Deliver: one attempt at one batch. Renders its changes, calls the partner, says how it ended; opens no transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.connectors.base import Call, Pending, Receipts, Refusal, WholePlan
from app.connectors.errors import (
    AuthenticationRejected,
    BudgetSpent,
    ConfigurationRejected,
    ConnectorError,
    ListGone,
    PayloadRejected,
    Throttled,
    TransientFailure,
)
from app.core import clock
from app.core.logging import get_logger
from app.domain.retry import Failure
from app.services.delivery.loaded_sync import LoadedSync, Rendered
from app.services.platform import new_batch, writes_before
from app.storage.models import Batch

log = get_logger(__name__)

UNEXPECTED = "unexpected"  # the code of a failure that is ours
BROKEN = "the batch could not be sent because of an unexpected error; see the worker's log"
NOTHING_RENDERED = Rendered((), None, {})


@dataclass(frozen=True, slots=True)
class Sent:
    """How an attempt ended: receipts, a handle to come back with, or a failure."""

    receipts: Receipts | None = None
    pending: Pending | None = None
    failure: Failure | None = None
    error: ConnectorError | None = None
    partly: bool = False  # it failed, but an earlier call of the same batch had gone through

    @property
    def outcome(self) -> str:
        """The word for the attempt's row."""
        if self.receipts is not None:
            return "delivered"
        return "pending" if self.pending is not None else str(self.failure)


async def send_batch(sending: LoadedSync, batch: Batch) -> tuple[Rendered, Sent]:
    """One attempt at a batch: render, call the partner, say how it ended. Opens no transaction."""
    new_batch()
    call = sending.call(batch, clock.now())
    try:
        if batch.kind is None and isinstance(sending.connector, WholePlan):
            rendered, result = await _send_whole(sending, batch, call)
            return rendered, _answered(result)
        rendered = await sending.deliveries(batch)
        if not rendered.deliveries:
            return rendered, Sent(receipts=Receipts())
        call = replace(call, rows=len(rendered.deliveries))
        try:
            return rendered, _answered(await _send_rows(sending, batch, call, rendered))
        except ListGone as error:
            if sending.leaves_an_old_place(batch):
                return rendered, Sent(receipts=Receipts(http_status=error.http_status))
            return rendered, _failed(error)
        except ConnectorError as error:
            return rendered, _failed(error)
    except ConnectorError as error:
        return NOTHING_RENDERED, _failed(error)
    except Exception:
        # Whatever it is, the batch has to wait and to count as failing, or its sync would never end (R23).
        log.exception("send_broke", sync_id=batch.sync_id, batch=batch.number)
        return NOTHING_RENDERED, _failed(TransientFailure(BROKEN, code=UNEXPECTED))


async def _send_rows(
    sending: LoadedSync, batch: Batch, call: Call, rendered: Rendered
) -> Receipts | Pending:
    if batch.continuation is not None:
        return await sending.connector.resume(call, rendered.deliveries, batch.continuation)
    return await sending.connector.deliver(call, rendered.deliveries)


async def _send_whole(
    sending: LoadedSync, batch: Batch, call: Call
) -> tuple[Rendered, Receipts | Pending]:
    connector = sending.connector
    assert isinstance(connector, WholePlan)  # noqa: S101  the caller has looked
    if connector.wants_members(call):
        return NOTHING_RENDERED, await connector.replace(call, sending.members())
    refused: dict[int, Refusal] = {}
    result = await connector.deliver_all(call, sending.whole_plan(batch, refused))
    if not refused:
        return NOTHING_RENDERED, result
    sent = [index for index in range(batch.row_count) if index not in refused]
    return Rendered((), sent, refused), result


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
    partly = writes_before(unsent=isinstance(error, BudgetSpent)) > 0
    return Sent(failure=failure, error=error, partly=partly)
