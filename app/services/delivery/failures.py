"""What follows from a failed attempt: a breaker, a pause, a closed sync (R22, R23)."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import ConnectorError
from app.core.logging import get_logger
from app.domain import retry
from app.domain.retry import Failure, Verdict
from app.services.delivery import pauses
from app.services.delivery.attempt import Ended, Sent
from app.services.platform import Platform
from app.services.syncs import describe_error, fail_sync, set_error, something_newer
from app.storage.models import Batch, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.breakers import BreakerQueries
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.runs import RunRepository

log = get_logger(__name__)


def verdict_on(
    platform: Platform, sent: Sent, *, attempts: int, refusals: int, failing_for: timedelta
) -> Verdict:
    """Return the verdict on a failed attempt. ``attempts`` and ``refusals`` count it too."""
    assert sent.failure is not None  # noqa: S101  it failed
    return retry.after_failure(
        sent.failure,
        attempts=attempts,
        refusals=refusals,
        waits=platform.settings.retry_waits,
        requested=getattr(sent.error, "retry_after", None),
        chance=random.random(),  # noqa: S311  jitter
        failing_for=failing_for,
    )


async def failing_for(session: AsyncSession, batch: Batch) -> timedelta:
    """Return for how long a batch has been failing."""
    if batch.failing_since is None:
        return timedelta(0)
    return await RunRepository(session).database_now() - batch.failing_since


def failed_attempt(sent: Sent) -> dict[str, Any]:
    """Return the columns of a failed attempt: ``{column: value}``."""
    error = sent.error
    assert error is not None  # noqa: S101  it failed
    return {
        "outcome": str(sent.failure),
        "http_status": error.http_status,
        "vendor_request_id": error.vendor_request_id,
        "error": error.message[:1024],
    }


def log_failure(batch: Batch, sent: Sent, verdict: Verdict) -> None:
    """Log a failed attempt."""
    log.warning(
        "batch_failed",
        sync_id=batch.sync_id,
        batch=batch.number,
        failure=str(sent.failure),
        http_status=sent.error.http_status if sent.error else None,
        attempts=batch.attempts,
        wait=verdict.wait.total_seconds(),
    )


async def lock_for_failure(session: AsyncSession, sync: Sync, verdict: Verdict) -> None:
    """Lock the activations that a verdict concerns, before all other rows of the transaction (R7)."""
    if verdict.pause_account:
        await ActivationRepository(session).of_destination(
            sync.space_id, sync.destination_id, lock="update"
        )
    else:
        await ActivationRepository(session).get_any(
            sync.space_id, sync.activation_id, lock="update"
        )


async def after_failure(
    platform: Platform, session: AsyncSession, ended: Ended, verdict: Verdict
) -> None:
    """Pause or close what a failure concerns; called in the transaction that records the attempt.

    A refusal says nothing about settings that were changed after the account was opened.
    """
    sync, error = ended.loaded.sync, ended.sent.error
    assert error is not None  # noqa: S101  it failed
    await mark_failing(session, ended)
    if await _is_outdated(session, ended, verdict):
        return
    if verdict.pause_account:
        await pauses.pause_account(session, sync.space_id, sync.destination_id, error)
    if sync.kind == "test":
        await _end_test(session, sync, ended.sent.failure, error)
    elif verdict.pause_account:
        return
    elif verdict.pause_activation:
        await pauses.pause_activation(session, sync.space_id, sync.activation_id, error)
    else:
        await give_up_if_late(platform, session, ended.claimed.batch, sync.activation_id, error)
        await watch_account(session, ended)


async def mark_failing(session: AsyncSession, ended: Ended) -> None:
    """Mark the activation as failing, with the reason. A test send says nothing about its activation."""
    loaded, error = ended.loaded, ended.sent.error
    assert error is not None  # noqa: S101  it failed
    if loaded.sync.kind != "test":
        await ActivationRepository(session).set_failing(
            ended.claimed.batch.space_id,
            loaded.activation.id,
            await describe_error(session, error),
        )


async def _is_outdated(session: AsyncSession, ended: Ended, verdict: Verdict) -> bool:
    """Return whether a verdict would pause something although the account has changed since it was opened."""
    if not (verdict.pause_account or verdict.pause_activation):
        return False
    loaded = ended.loaded
    return await pauses.is_changed(
        session, loaded.sync.space_id, loaded.sync.destination_id, loaded.account
    )


async def _end_test(
    session: AsyncSession, sync: Sync, failure: Failure | None, error: ConnectorError
) -> None:
    """Close a test send after its first failure, unless the partner only asked to wait."""
    if failure is Failure.THROTTLED:
        return
    activation = await ActivationRepository(session).get_any(
        sync.space_id, sync.activation_id, lock="update"
    )
    if activation is not None:
        await fail_sync(session, activation, error)


async def watch_account(session: AsyncSession, ended: Ended) -> None:
    """Open the breaker if most attempts of the account fail, or its probe has failed (R22)."""
    claimed, failure = ended.claimed, ended.sent.failure
    if failure is Failure.THROTTLED and not claimed.probing:
        return
    space_id, account = claimed.batch.space_id, ended.loaded.sync.destination_id
    total, failed = await BreakerQueries(session).account_attempts(
        space_id, account, retry.BREAKER_WINDOW
    )
    if not claimed.probing and not retry.breaker_trips(total, failed):
        return
    destination = await DestinationRepository(session).get(space_id, account, lock="update")
    openings = 1 + ((destination.breaker or {}).get("openings", 0) if destination else 0)
    pause = retry.breaker_pause(openings)
    await DestinationRepository(session).open_breaker(
        space_id, account, pause, {"openings": openings, "reason": str(failure)}
    )
    log.warning("breaker_open", destination_id=account, seconds=pause.total_seconds())


async def give_up_if_late(
    platform: Platform,
    session: AsyncSession,
    batch: Batch,
    activation_id: str,
    error: ConnectorError,
) -> None:
    """Close the sync of a batch that has failed for long if something newer waits; pause the activation after days (R23)."""
    now = await RunRepository(session).database_now()
    since = batch.failing_since
    if since is None or now - since < platform.settings.failing_batch_limit:
        return
    activation = await ActivationRepository(session).get_any(
        batch.space_id, activation_id, lock="update"
    )
    if activation is None:
        return
    failing_since = activation.failing_since or now
    if now - failing_since >= platform.settings.failing_activation_limit:
        await set_error(session, activation, error, paused_by="activation")
    elif await something_newer(session, activation):
        activation.last_error = await fail_sync(session, activation, error)
