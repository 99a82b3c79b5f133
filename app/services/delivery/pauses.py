"""Pauses: an account or an activation that does not work any more is in error until a user acts (R22, R23)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import AuthenticationRejected, ConnectorError
from app.core.clock import to_wire
from app.core.logging import get_logger
from app.domain.activation_states import ActivationState
from app.domain.sync_states import SyncState
from app.services.accounts import Account
from app.services.platform import Platform, retry_transaction
from app.services.syncs import close_open, notify_activation_in_error
from app.storage.models import Activation, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.runs import RunRepository

log = get_logger(__name__)

UNTIL_HEALED = timedelta(days=3650)  # refused credentials work again only after a user acts


async def planning_refused(
    platform: Platform, sync: Sync, account: Account, error: ConnectorError
) -> bool:
    """Pause what a partner refused during planning (creating a list), and close the sync.

    Returns False if the account was changed since it was opened: then the refusal says nothing about its settings of today.
    """

    async def write(session: AsyncSession) -> bool:
        await ActivationRepository(session).of_destination(
            sync.space_id, sync.destination_id, lock="update"
        )
        if await is_changed(session, sync.space_id, sync.destination_id, account):
            return False
        if isinstance(error, AuthenticationRejected):
            await pause_account(session, sync.space_id, sync.destination_id, error)
        else:
            await pause_activation(session, sync.space_id, sync.activation_id, error)
        return True

    return await retry_transaction(platform.unit_of_work, write)


async def is_changed(
    session: AsyncSession, space_id: str, destination_id: str, account: Account
) -> bool:
    """Return whether an account was changed since it was opened.

    Called with its activations locked: whatever changes settings locks them too.
    """
    destination = await DestinationRepository(session).get(space_id, destination_id)
    return destination is not None and destination.updated_at != account.version


async def pause_account(
    session: AsyncSession, space_id: str, destination_id: str, error: ConnectorError
) -> None:
    """Pause all activations of an account whose credentials are refused. The account's row is locked last (R7)."""
    for activation in await ActivationRepository(session).of_destination(
        space_id, destination_id, lock="update"
    ):
        if activation.enabled and activation.state == ActivationState.ACTIVE:
            await set_error(session, activation, error, paused_by="account")
    await DestinationRepository(session).open_breaker(
        space_id, destination_id, UNTIL_HEALED, {"openings": 0, "reason": error.message}
    )


async def pause_activation(
    session: AsyncSession, space_id: str, activation_id: str, error: ConnectorError
) -> None:
    """Pause an activation that works again only with another setting."""
    activation = await ActivationRepository(session).get_any(space_id, activation_id, lock="update")
    if activation is not None:
        await set_error(session, activation, error, paused_by="activation")


async def set_error(
    session: AsyncSession, activation: Activation, error: ConnectorError, *, paused_by: str
) -> None:
    """Put a locked activation into the state ``error``, and close its open sync as failed."""
    described = await describe_error(session, error, pausedBy=paused_by)
    activation.state = ActivationState.ERROR
    activation.last_error = described
    await session.flush()
    await close_open(
        session, activation, closing=SyncState.FAILED, reason=error.message, error=described
    )
    notify_activation_in_error(session, activation)
    log.warning("activation_in_error", activation_id=activation.id, code=error.code)


async def fail_sync(
    session: AsyncSession, activation: Activation, error: ConnectorError
) -> dict[str, Any]:
    """Close the open sync of a locked activation as failed. Returns the error: ``{message, code, at, httpStatus}``."""
    described = await describe_error(session, error)
    await close_open(
        session, activation, closing=SyncState.FAILED, reason=error.message, error=described
    )
    return described


async def describe_error(
    session: AsyncSession, error: ConnectorError, **more: Any
) -> dict[str, Any]:
    """Return an error as it is stored and shown: ``{message, code, at, httpStatus}`` and ``more``."""
    now = await RunRepository(session).database_now()
    described = {"message": error.message, "code": error.code, "at": to_wire(now), **more}
    if error.http_status is not None:
        described["httpStatus"] = error.http_status
    return described
