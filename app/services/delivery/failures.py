"""What follows from failures: the breaker of an account, paused activations, syncs that are closed (R22, R23)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import AuthenticationRejected, ConnectorError
from app.core.clock import to_wire
from app.core.logging import get_logger
from app.domain import retry
from app.domain.activation_states import ActivationState
from app.domain.retry import Failure, Verdict
from app.domain.sync_states import SyncState
from app.services.accounts import Account
from app.services.platform import Platform
from app.services.syncs import close_open, notify_activation_in_error, something_newer
from app.storage.models import Activation, Batch, Sync
from app.storage.repositories.batches import Claimed
from app.storage.repositories.breakers import BreakerRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository

if TYPE_CHECKING:
    from app.services.delivery.loaded_sync import LoadedSync

log = get_logger(__name__)

UNTIL_HEALED = timedelta(days=3650)  # a refused key heals only when somebody acts


async def after_failure(
    platform: Platform,
    session: AsyncSession,
    sending: LoadedSync,
    claimed: Claimed,
    failure: Failure,
    error: ConnectorError,
    verdict: Verdict,
) -> None:
    """Pause what has to be paused; called in the transaction that recorded the attempt.

    What was refused under settings that somebody has changed meanwhile says nothing of those that there are now.
    """
    batch = claimed.batch
    account = sending.sync.destination_id
    if (verdict.pause_account or verdict.pause_activation) and await _is_changed(
        session, batch.space_id, account, sending.account
    ):
        return
    if verdict.pause_account:
        await _pause_account(session, batch.space_id, account, error)
    if sending.sync.kind == "test":
        await _end_test(session, sending, failure, error)
    elif verdict.pause_account:
        return
    elif verdict.pause_activation:
        await _pause_activation(session, batch.space_id, sending.activation.id, error)
    else:
        await give_up_if_late(platform, session, batch, sending.activation.id, error)
        await _watch_account(session, sending, claimed, failure)


async def _end_test(
    session: AsyncSession, sending: LoadedSync, failure: Failure, error: ConnectorError
) -> None:
    """A test send has told what it was made to tell; only where the partner asks to wait, it waits."""
    if failure is Failure.THROTTLED:
        return
    sync = sending.sync
    activation = await SyncRepository(session).activation(
        sync.space_id, sync.activation_id, lock=True
    )
    if activation is not None:
        described = await describe_error(session, error)
        await close_open(
            session, activation, state=SyncState.FAILED, reason=error.message, error=described
        )


async def lock_for_failure(session: AsyncSession, sending: LoadedSync, verdict: Verdict) -> None:
    """Lock the activations that a verdict will touch, before anything else of the transaction (R7)."""
    repository = SyncRepository(session)
    sync = sending.sync
    if verdict.pause_account:
        await repository.activations_of_account(sync.space_id, sync.destination_id)
    else:
        await repository.activation(sync.space_id, sync.activation_id, lock=True)


async def planning_refused(
    platform: Platform, sync: Sync, account: Account, error: ConnectorError
) -> bool:
    """The partner refused what had to be made before anything is sent (a list): pause, and close the sync.

    False where the account was changed meanwhile: then it is to be tried with what it has now.
    """
    async with platform.unit_of_work() as session:
        await SyncRepository(session).activations_of_account(sync.space_id, sync.destination_id)
        if await _is_changed(session, sync.space_id, sync.destination_id, account):
            return False
        if isinstance(error, AuthenticationRejected):
            await _pause_account(session, sync.space_id, sync.destination_id, error)
        else:
            await _pause_activation(session, sync.space_id, sync.activation_id, error)
    return True


async def _is_changed(
    session: AsyncSession, space_id: str, destination_id: str, account: Account
) -> bool:
    """Whether an account was changed since it was opened; who changes settings has its activations locked, as we do."""
    destination = await SyncRepository(session).destination(space_id, destination_id)
    return destination is not None and destination.updated_at != account.version


async def _pause_account(
    session: AsyncSession, space_id: str, destination_id: str, error: ConnectorError
) -> None:
    """Nobody is let in with these credentials: stop everything that uses them. The account's row comes last (R7)."""
    repository = SyncRepository(session)
    for activation in await repository.activations_of_account(space_id, destination_id):
        if activation.enabled and activation.state == ActivationState.ACTIVE:
            await _to_error(session, activation, error, paused_by="account")
    await BreakerRepository(session).open_breaker(
        space_id, destination_id, UNTIL_HEALED, {"openings": 0, "reason": error.message}
    )


async def _pause_activation(
    session: AsyncSession, space_id: str, activation_id: str, error: ConnectorError
) -> None:
    activation = await SyncRepository(session).activation(space_id, activation_id, lock=True)
    if activation is not None:
        await _to_error(session, activation, error, paused_by="activation")


async def _to_error(
    session: AsyncSession, activation: Activation, error: ConnectorError, *, paused_by: str
) -> None:
    """State `error`: paused until it is enabled again, or the settings change."""
    described = await describe_error(session, error, pausedBy=paused_by)
    activation.state = ActivationState.ERROR
    activation.last_error = described
    await session.flush()
    await close_open(
        session, activation, state=SyncState.FAILED, reason=error.message, error=described
    )
    notify_activation_in_error(session, activation)
    log.warning("activation_in_error", activation_id=activation.id, code=error.code)


async def describe_error(
    session: AsyncSession, error: ConnectorError, **more: Any
) -> dict[str, Any]:
    """An error as it is kept and shown."""
    now = await RunRepository(session).database_now()
    described = {"message": error.message, "code": error.code, "at": to_wire(now), **more}
    if error.http_status is not None:
        described["httpStatus"] = error.http_status
    return described


async def _watch_account(
    session: AsyncSession, sending: LoadedSync, claimed: Claimed, failure: Failure
) -> None:
    """Open the breaker where the account mostly fails, or its probe did (R22)."""
    if failure is Failure.THROTTLED and not claimed.probing:
        return
    repository = BreakerRepository(session)
    space_id, account = claimed.batch.space_id, sending.sync.destination_id
    total, failed = await repository.account_attempts(space_id, account, retry.BREAKER_WINDOW)
    if not claimed.probing and not retry.breaker_trips(total, failed):
        return
    destination = await SyncRepository(session).destination(space_id, account, lock=True)
    openings = 1 + ((destination.breaker or {}).get("openings", 0) if destination else 0)
    pause = retry.breaker_pause(openings)
    await repository.open_breaker(
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
    """R23: a batch that fails for long while something newer waits ends its sync; days of failure end the activation."""
    settings = platform.settings
    repository = SyncRepository(session)
    now = await RunRepository(session).database_now()
    since = batch.failing_since
    if since is None or now - since < settings.failing_batch_limit:
        return
    activation = await repository.activation(batch.space_id, activation_id, lock=True)
    if activation is None:
        return
    failing_since = activation.failing_since or now
    if now - failing_since >= settings.failing_activation_limit:
        await _to_error(session, activation, error, paused_by="activation")
    elif await something_newer(session, activation):
        described = await describe_error(session, error)
        activation.last_error = described
        await close_open(
            session, activation, state=SyncState.FAILED, reason=error.message, error=described
        )
