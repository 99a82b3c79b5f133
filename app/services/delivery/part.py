"""The record of a batch of many calls of which a part has no receipts: it waits with its progress."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import BudgetSpent
from app.domain import retry
from app.domain.call_progress import Range
from app.domain.retry import AttemptOutcome, Verdict
from app.services.delivery import failures
from app.services.delivery.attempt import Ended
from app.services.delivery.call_results import CallResults
from app.services.platform import Platform
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.breakers import BreakerQueries
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.syncs import SyncRepository


async def record_part(
    platform: Platform, session: AsyncSession, ended: Ended, results: CallResults
) -> None:
    """Record an attempt after which calls are left, and what follows from the failure that ended it, if one did."""
    error = ended.sent.error
    if error is None:
        attempt = {"outcome": AttemptOutcome.PART}
        await _put_back(session, ended, results, attempt, results.wait)
    elif isinstance(error, BudgetSpent):
        attempt = {"outcome": AttemptOutcome.BUDGET}
        wait = error.retry_after or timedelta(seconds=1)
        await _put_back(session, ended, results, attempt, wait)
    else:
        await _record_failure(platform, session, ended, results)
    if ended.claimed.probing and results.delivered:
        await DestinationRepository(session).close_breaker(
            ended.claimed.batch.space_id, ended.loaded.sync.destination_id
        )


async def _record_failure(
    platform: Platform, session: AsyncSession, ended: Ended, results: CallResults
) -> None:
    batch = ended.claimed.batch
    blamed = await _blamed(session, ended, results)
    verdict = failures.verdict_on(
        platform,
        ended.sent,
        # Only attempts without a confirmed call count.
        attempts=batch.attempts - results.progress.fruitful,
        refusals=_refusals(results, blamed),
        failing_for=await failures.failing_for(session, batch),
    )
    await failures.lock_for_failure(session, ended.loaded.sync, verdict)
    for call in blamed:
        results.end(call, results.last_words[call])
    attempt = failures.failed_attempt(ended.sent)
    if results.is_complete:
        await _record_last(session, ended, results, attempt)
    elif await _put_back(session, ended, results, attempt, verdict.wait):
        await _follow(platform, session, ended, results, verdict)


async def _blamed(session: AsyncSession, ended: Ended, results: CallResults) -> list[Range]:
    """Return the calls that end now: refused or not confirmed three times, while the account accepts others."""
    tries = results.progress.refusals
    often = [call for call in results.last_words if tries[call[0]] >= retry.WHOLE_REFUSALS]
    if not often or ended.loaded.sync.kind == "test":
        return []
    refused = [call for call in often if results.last_words[call].rejected]
    if refused and not results.is_mixed and not await _accepts_others(session, ended):
        return [call for call in often if call not in refused]
    return often


async def _accepts_others(session: AsyncSession, ended: Ended) -> bool:
    return await BreakerQueries(session).accepts_others(
        ended.claimed.batch, ended.loaded.sync.destination_id, retry.ACCEPTS_WINDOW
    )


def _refusals(results: CallResults, blamed: list[Range]) -> int:
    """Return how often the most refused call was refused, apart from those that end now."""
    ending = {first for first, _ in blamed}
    tries = results.progress.refusals.items()
    return max((count for first, count in tries if first not in ending), default=0)


async def _mark_unknown(session: AsyncSession, results: CallResults) -> None:
    if results.doubts > results.doubts_kept:
        await SyncRepository(session).mark_unknown(results.batch.space_id, results.batch.sync_id)


async def _record_last(
    session: AsyncSession, ended: Ended, results: CallResults, attempt: dict[str, Any]
) -> None:
    """Record a batch whose last calls end without the partner's confirmation."""
    await failures.mark_failing(session, ended)
    await _mark_unknown(session, results)
    await BatchRepository(session).record([results.recorded(attempt)])


async def _put_back(
    session: AsyncSession,
    ended: Ended,
    results: CallResults,
    attempt: dict[str, Any],
    wait: timedelta,
) -> bool:
    """Let the batch wait with its progress. It fails since its last confirmed call; an activation that delivers does not."""
    has_failed = ended.sent.error is not None and not isinstance(ended.sent.error, BudgetSpent)
    passed = results.delivered > 0
    if passed:
        await ActivationRepository(session).set_failing(
            results.batch.space_id, ended.loaded.activation.id, None
        )
    await _mark_unknown(session, results)
    return await BatchRepository(session).put_back(
        ended.claimed.batch,
        wait=wait,
        attempt={**attempt, **results.counts().columns()},
        failing=not passed and has_failed,
        **results.put_back_values(),
        **({"failing_since": None} if passed else {}),
    )


async def _follow(
    platform: Platform,
    session: AsyncSession,
    ended: Ended,
    results: CallResults,
    verdict: Verdict,
) -> None:
    """Let the failure have its consequences."""
    failures.log_failure(results.batch, ended.sent, verdict)
    if results.delivered and not (verdict.pause_account or verdict.pause_activation):
        await failures.watch_account(session, ended)
    else:
        await failures.after_failure(platform, session, ended, verdict)
