"""Names of the places that activations write to, recorded per activation, so that those who share a place are found."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors import registry
from app.connectors.base import Connector, SharesPlaces
from app.core.crypto import Keyring
from app.core.logging import get_logger
from app.services.accounts import open_account
from app.services.revision import Revision, partner_places
from app.storage.models import Destination
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.places import PlaceRepository, StaleActivation

log = get_logger(__name__)


def shares_places(connector: type[Connector]) -> bool:
    """Return whether activations can share a place at the partner."""
    able: Any = connector
    return isinstance(able, SharesPlaces)


def lock_number(place: str) -> int:
    """Return the number of a place's lock in PostgreSQL: 64 bits, signed."""
    digest = hashlib.sha256(place.encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


async def refresh_places(
    session: AsyncSession, keyring: Keyring, workspace_id: str, space_id: str, destination_id: str
) -> bool:
    """Record the places of all activations of the workspace that write to the account of a destination.

    Returns whether activations can share places at the partner. Only what is missing or old is computed: after the first time, after a change of a configuration or of the account, and
    after a list was created.
    """
    repository = DestinationRepository(session)
    destination = await repository.known(space_id, destination_id)
    if destination is None or not shares_places(registry.get(destination.slug)):
        return False
    await _name_accounts(session, keyring, workspace_id, destination.slug)
    named = await repository.get(space_id, destination_id)
    if named is not None and named.account is not None:
        await _record(session, workspace_id, named.account)
    return True


async def _name_accounts(
    session: AsyncSession, keyring: Keyring, workspace_id: str, slug: str
) -> None:
    """Compute the digest of each account at a partner that has none. An account that cannot be opened is left out."""
    for destination in await PlaceRepository(session).unnamed_accounts(workspace_id, slug):
        try:
            values = _values(keyring, workspace_id, destination)
        except (ValidationError, ValueError) as error:
            log.warning("account_not_named", error=type(error).__name__)
            continue
        text = "\0".join((workspace_id, destination.slug, *values))
        destination.account = hashlib.sha256(text.encode()).hexdigest()[:32]
    await session.flush()


def _values(keyring: Keyring, workspace_id: str, destination: Destination) -> Sequence[str]:
    account = open_account(keyring, workspace_id, destination)
    able: Any = account.connector_class
    found: Sequence[str] = able.account_of(account.settings)
    return found


async def _record(session: AsyncSession, workspace_id: str, account: str) -> None:
    repository = PlaceRepository(session)
    if not await repository.stale(workspace_id, account):
        return
    # Two transactions would write the same rows.
    await repository.lock([lock_number(account)])
    for stale in await repository.stale(workspace_id, account):
        await repository.record(workspace_id, stale, _places(stale))


def _places(stale: StaleActivation) -> dict[str, Sequence[str]]:
    found = partner_places(
        registry.get(stale.slug),
        Revision.parse(stale.config),
        activation_id=stale.activation_id,
        connection_id=stale.connection_id,
        audience_key=stale.audience_key,
        made_lists=stale.lists,
    )
    return {
        local or "": [f"{stale.account}:{name}" for name in names] for local, names in found.items()
    }
