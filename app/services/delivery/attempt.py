"""One attempt at a batch: the call to the partner, outside of any transaction, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.connectors.base import Pending, Receipts, Refusal, WholePlan
from app.connectors.echoes import set_account
from app.connectors.errors import (
    AuthenticationRejected,
    BudgetSpent,
    ConfigurationRejected,
    ConnectorError,
    ListGone,
    PayloadRejected,
    Redirected,
    Throttled,
    TransientFailure,
    Unconfirmed,
)
from app.core.logging import get_logger
from app.domain.retry import Failure
from app.services.delivery.call_results import CallResults
from app.services.delivery.loaded_sync import LoadedSync, Prepared, Stream
from app.services.delivery.render import Rows
from app.services.platform import new_batch, server_away, waited, writes_before
from app.storage.repositories.batch_counts import Claimed

log = get_logger(__name__)

UNEXPECTED = "unexpected"  # the code of a failure that the service is to blame for
FEW_ROWS = 3  # so many changes of a refused call can be the cause themselves
_ABOUT_ROWS = (400, 413, 422)  # statuses that can refuse the content of a call
BROKEN = "the batch could not be sent because of an unexpected error; see the worker's log"


@dataclass(frozen=True, slots=True)
class Sent:
    """How a call ended: with receipts, with a handle to resume it by, or with a failure.

    ``at_last`` are the receipts with which a batch that fails again and again ends: its changes are unknown, or refused.
    """

    receipts: Receipts | None = None
    pending: Pending | None = None
    failure: Failure | None = None
    error: ConnectorError | None = None
    at_last: Receipts | None = None
    partly: bool = False  # it failed, but an earlier request of the call was accepted


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that has ended and is not recorded yet.

    ``sent.receipts`` name the rows of the batch, and contain all refusals: the partner's, and those of the rendering. ``calls``
    are those of a batch of many calls; then ``sent`` is the failure that has consequences, if one has.
    """

    loaded: LoadedSync
    claimed: Claimed
    sent: Sent
    calls: CallResults | None = None


async def send(prepared: Prepared) -> Ended:
    """Make the call of a batch. Any error of the call is a failed attempt, so nothing is raised (R23)."""
    new_batch()
    set_account(prepared.loaded.account.secrets)
    try:
        sent = await _watched(prepared)
    except Exception as error:  # noqa: BLE001  see the docstring
        if not (isinstance(error, ListGone) and prepared.leaves_old_list):
            partly = writes_before(unsent=isinstance(error, BudgetSpent)) > 0
            ended = failed(prepared.loaded, prepared.claimed, error, partly=partly)
            return replace(ended, sent=replace(ended.sent, at_last=_at_last(prepared, error)))
        # The members of the batch have left the list with the list.
        sent = Sent(receipts=_of_batch(prepared, Receipts(http_status=error.http_status)))
    return Ended(prepared.loaded, prepared.claimed, sent)


def failed(
    loaded: LoadedSync, claimed: Claimed, error: Exception, *, partly: bool = False
) -> Ended:
    """Return the end of an attempt that could not be prepared or sent because of an error.

    An unexpected error counts as a failure as well: the batch has to wait, and its sync has to end some day (R23).
    """
    if not isinstance(error, ConnectorError):
        batch = claimed.batch
        log.error("send_broke", sync_id=batch.sync_id, batch=batch.number, exc_info=error)
        error = TransientFailure(_words_of(error), code=UNEXPECTED)
    return Ended(loaded, claimed, Sent(failure=_failure(error), error=error, partly=partly))


def _words_of(error: Exception) -> str:
    """Name what was away. The partner is not to blame."""
    server = server_away(error)
    return f"the {server} is unavailable; the batch is sent again later" if server else BROKEN


def _at_last(prepared: Prepared, error: Exception) -> Receipts | None:
    """Return the receipts of a batch that is not tried again; None if its changes cannot be the cause."""
    if not isinstance(error, Unconfirmed | PayloadRejected):
        return None
    rows = range(prepared.call.rows)
    said = Refusal(error.code, error.message)
    facts = Receipts(http_status=error.http_status, vendor_request_id=error.vendor_request_id)
    if isinstance(error, Unconfirmed):
        return _of_batch(prepared, replace(facts, unknown=dict.fromkeys(rows, said)))
    if len(rows) > FEW_ROWS or error.http_status not in _ABOUT_ROWS:
        return None
    return _of_batch(prepared, replace(facts, rejected=dict.fromkeys(rows, said)))


async def _watched(prepared: Prepared) -> Sent:
    """Make the call, and let the concurrency of the account learn from it."""
    loaded = prepared.loaded
    concurrency = loaded.platform.concurrency
    with concurrency.call(loaded.sync.destination_id, prepared.rows) as watch:
        try:
            sent = await _call(prepared)
            watch.is_passed = True
        except Exception as error:
            watch.is_overload = _is_overload(error)
            raise
        finally:
            watch.waited = waited()
    return sent


def _is_overload(error: Exception) -> bool:
    if isinstance(error, BudgetSpent):
        return False
    if isinstance(error, Throttled):
        return True
    return isinstance(error, TransientFailure) and (
        (error.http_status or 0) >= 500 or error.code == "timeout"
    )


async def _call(prepared: Prepared) -> Sent:
    source, call, connector = prepared.source, prepared.call, prepared.loaded.connector
    continuation = prepared.handle
    result: Receipts | Pending
    if isinstance(source, Stream):
        assert isinstance(connector, WholePlan)  # noqa: S101  only for them a stream is prepared
        send_all = connector.replace if source.is_membership else connector.deliver_all
        result = await send_all(call, source.chunks)
    elif not call.rows:
        result = Receipts()  # all changes were refused by the rendering
    elif continuation is not None:
        result = await connector.resume(call, source.deliveries, continuation)
    else:
        result = await connector.deliver(call, source.deliveries)
    if isinstance(result, Pending):
        return Sent(pending=result)
    return Sent(receipts=_of_batch(prepared, result))


def _of_batch(prepared: Prepared, receipts: Receipts) -> Receipts:
    """Return receipts by row of the batch instead of by delivery, with the refusals of the rendering."""
    source = prepared.source
    if isinstance(source, Rows) and source.filled:
        receipts = replace(receipts, filled=source.filled)
    if not source.refused:
        return receipts
    indexes: Sequence[int] | None = None if isinstance(source, Stream) else source.indexes
    if indexes is None:
        rows = range(prepared.rows)
        indexes = [row for row in rows if row not in source.refused]
    rejected = {indexes[index]: refusal for index, refusal in receipts.rejected.items()}
    return replace(
        receipts,
        rejected={**source.refused, **rejected},
        skipped={indexes[index]: refusal for index, refusal in receipts.skipped.items()},
        unknown={indexes[index]: refusal for index, refusal in receipts.unknown.items()},
        notes={indexes[index]: note for index, note in receipts.notes.items()},
        partner_ids={indexes[index]: one for index, one in receipts.partner_ids.items()},
        identities={indexes[index]: one for index, one in receipts.identities.items()},
    )


def _failure(error: ConnectorError) -> Failure:
    match error:
        case AuthenticationRejected():
            return Failure.UNAUTHORIZED
        case ConfigurationRejected():
            return Failure.MISCONFIGURED
        case PayloadRejected():
            return Failure.REFUSED
        case Throttled():
            return Failure.THROTTLED
        case Unconfirmed():
            return Failure.UNCONFIRMED
        case Redirected(permanent=True):
            return Failure.MOVED
        case TransientFailure(ambiguous=False):
            return Failure.FAILED
        case _:
            return Failure.UNKNOWN
