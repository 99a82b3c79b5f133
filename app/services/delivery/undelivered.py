"""Records of attempts that did not deliver: the batch waits, and a failure has its consequences."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import BudgetSpent, ConnectorError, TransientFailure
from app.core.clock import in_words
from app.core.logging import get_logger
from app.domain import retry
from app.domain.retry import AttemptOutcome, Failure, Verdict
from app.services.delivery import failures
from app.services.delivery.attempt import Ended
from app.services.delivery.part import record_part
from app.services.delivery.receipts import delivered_batch
from app.services.platform import Platform, retry_transaction
from app.services.syncs import describe_error, fail_sync, something_newer
from app.snapshots.engine import UnknownFormat
from app.storage.models import Activation, Batch
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.breakers import BreakerQueries
from app.storage.repositories.left_calls import LeftCallQueries
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

UNLOADABLE = "what the sync is sent with cannot be read; see the worker's log"


async def record_undelivered(platform: Platform, session: AsyncSession, ended: Ended) -> None:
    """Record an attempt without receipts for all changes, and what follows from it."""
    if ended.calls is not None:
        await record_part(platform, session, ended, ended.calls)
    elif ended.sent.pending is not None:
        await _record_pending(platform, session, ended)
    elif isinstance(ended.sent.error, BudgetSpent):
        await _record_unsent(session, ended, ended.sent.error)
    else:
        await _record_failure(platform, session, ended)


async def _record_pending(platform: Platform, session: AsyncSession, ended: Ended) -> None:
    """Record a call that the partner still works on. If it takes long and something newer waits, close its sync."""
    pending, batch = ended.sent.pending, ended.claimed.batch
    assert pending is not None  # noqa: S101  the caller has looked
    late = await _is_late(platform, session, ended)
    written = await BatchRepository(session).put_back(
        batch,
        continuation=dict(pending.handle),
        ambiguous=True,
        wait=pending.check_after,
        attempt={"outcome": AttemptOutcome.PENDING},
        failing=False,
    )
    if late is not None and written:
        words = f"the destination has worked on a batch since {in_words(late[1])}, and something newer waits"
        error = TransientFailure(words, code="still_working")
        late[0].last_error = await fail_sync(session, late[0], error)


async def _is_late(
    platform: Platform, session: AsyncSession, ended: Ended
) -> tuple[Activation, datetime] | None:
    """Return the locked activation, and since when the partner works, if it takes too long and something newer waits."""
    sync = ended.loaded.sync
    since = await LeftCallQueries(session).waits_since(sync.space_id, sync.id)
    now = await RunRepository(session).database_now()
    if since is None or now - since < platform.settings.failing_batch_limit:
        return None
    activation = await ActivationRepository(session).get_any(
        sync.space_id, sync.activation_id, lock="update"
    )
    if activation is None or not await something_newer(session, activation):
        return None
    return activation, since


async def _record_unsent(session: AsyncSession, ended: Ended, error: BudgetSpent) -> None:
    """Record that the rate budget was used up: nothing was sent, and the attempt counts as no failure."""
    await BatchRepository(session).put_back(
        ended.claimed.batch,
        ambiguous=ended.claimed.batch.ambiguous or ended.sent.partly,
        wait=error.retry_after or timedelta(seconds=1),
        attempt={"outcome": AttemptOutcome.BUDGET},
        failing=False,
    )


async def _record_failure(platform: Platform, session: AsyncSession, ended: Ended) -> None:
    batch, sent = ended.claimed.batch, ended.sent
    assert sent.failure is not None and sent.error is not None  # noqa: S101, PT018  the caller has looked
    refusals = batch.refusals + (sent.failure in (Failure.REFUSED, Failure.UNCONFIRMED))
    since = await failures.failing_for(session, batch)
    verdict = failures.verdict_on(
        platform, sent, attempts=batch.attempts, refusals=refusals, failing_for=since
    )
    # Locks in the one order: activations, the sync, the batch (R7).
    await failures.lock_for_failure(session, ended.loaded.sync, verdict)
    if verdict.ambiguous:
        await SyncRepository(session).mark_unknown(batch.space_id, batch.sync_id)
    if await _is_last(session, ended, verdict):
        await _record_at_last(session, ended)
        return
    written = await BatchRepository(session).put_back(
        batch,
        refusals=refusals,
        ambiguous=batch.ambiguous or verdict.ambiguous or sent.partly,
        wait=verdict.wait,
        attempt=failures.failed_attempt(sent),
        failing=True,
    )
    if not written:
        return
    await failures.after_failure(platform, session, ended, verdict)
    failures.log_failure(batch, sent, verdict)


async def _is_last(session: AsyncSession, ended: Ended, verdict: Verdict) -> bool:
    """Return whether a batch ends with the receipts that its attempt has for this case.

    That is so if nothing confirms it, or if it is refused while the account accepts others: then its few changes are the
    cause, and the activation need not stop.
    """
    if ended.sent.at_last is None or ended.loaded.sync.kind == "test":
        return False
    if ended.sent.failure is Failure.UNCONFIRMED:
        return verdict.give_up
    batch = ended.claimed.batch
    return verdict.pause_activation and await BreakerQueries(session).accepts_others(
        batch, ended.loaded.sync.destination_id, retry.ACCEPTS_WINDOW
    )


async def _record_at_last(session: AsyncSession, ended: Ended) -> None:
    sent = ended.sent
    assert sent.failure is not None and sent.error is not None and sent.at_last is not None  # noqa: S101, PT018  see _is_last
    recorded = delivered_batch(ended.claimed.batch, sent.at_last)
    last = replace(recorded, outcome=str(sent.failure), error=sent.error.message[:1024])
    await failures.mark_failing(session, ended)
    await BatchRepository(session).record([last])
    log.warning("batch_given_up", sync_id=ended.claimed.batch.sync_id, failure=str(sent.failure))


async def record_unloadable(platform: Platform, batch: Batch, why: Exception) -> None:
    """Record that the sync of a batch could not be loaded: the batch waits and counts as failing (R23)."""
    words = str(why) if isinstance(why, UnknownFormat) else UNLOADABLE
    error = TransientFailure(words, ambiguous=False, code="unloadable")
    wait = retry.backoff(batch.attempts, platform.settings.retry_waits, random.random())  # noqa: S311  jitter

    async def write(session: AsyncSession) -> None:
        await _record_unloadable(platform, session, batch, error, wait)

    await retry_transaction(platform.unit_of_work, write)


async def _record_unloadable(
    platform: Platform, session: AsyncSession, batch: Batch, error: ConnectorError, wait: timedelta
) -> None:
    repository = SyncRepository(session)
    sync = await repository.get(batch.space_id, batch.sync_id)
    if sync is None:
        return
    await ActivationRepository(session).get_any(batch.space_id, sync.activation_id, lock="update")
    written = await BatchRepository(session).put_back(
        batch,
        wait=wait,
        attempt={"outcome": AttemptOutcome.UNLOADABLE, "error": error.message},
        failing=True,
    )
    if written:
        await ActivationRepository(session).set_failing(
            batch.space_id, sync.activation_id, await describe_error(session, error)
        )
        await failures.give_up_if_late(platform, session, batch, sync.activation_id, error)
