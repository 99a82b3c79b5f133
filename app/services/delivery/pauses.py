"""Pauses: an account or an activation that does not work any more is in error until a user acts (R22, R23)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import AuthenticationRejected, ConnectorError
from app.domain.activation_states import ActivationState
from app.services.accounts import Account
from app.services.platform import Platform, retry_transaction
from app.services.syncs import set_error
from app.storage.models import Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.destinations import DestinationRepository

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
