"""The list that a request names, looked up at the partner before it is saved: one that the partner does not have is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from app.connectors.base import FindsList
from app.connectors.errors import ConnectorError
from app.core.errors import Invalid
from app.core.logging import get_logger
from app.services.accounts import Account, connector_tools, open_account
from app.services.platform import Platform, new_batch
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository

log = get_logger(__name__)

SECONDS = 2  # that a save waits for the partner


async def refuse_unknown_lists(
    platform: Platform,
    *,
    workspace_id: str,
    space_id: str,
    destination_id: str,
    named: Mapping[str, str],
) -> int:
    """Look up lists at the partner, with no transaction open. ``named`` has the list's id by the field that names it.

    Returns the number of lists that could not be looked up, since the partner did not respond in time or refused. Raises Invalid,
    with the field, if the partner itself says that there is no such list.
    """
    if not named:
        return 0
    async with platform.unit_of_work() as session:
        destination = await DestinationRepository(session).get(space_id, destination_id)
        if destination is None:
            return 0  # the save reports it
        try:
            account = open_account(platform.keyring, workspace_id, destination)
        except Invalid:
            return 0
    unknown = [await _exists(platform, account, destination_id, found) for found in named.values()]
    for (field, list_id), exists in zip(named.items(), unknown, strict=True):
        if exists is False:
            raise Invalid(
                f"{account.definition.name} has no list {list_id} in this account; check upper and lower case. "
                f"GET …/destinations/{destination_id}/lists returns those that exist.",
                field=field,
            )
    return unknown.count(None)


async def destination_of(platform: Platform, space_id: str, audience_id: str, path_id: str) -> str:
    """Return the account of a connection that a path names by its own id, or by that of the account."""
    async with platform.unit_of_work() as session:
        found = await ConnectionRepository(session).get(space_id, audience_id, path_id)
    return found.destination_id if found is not None else path_id


async def _exists(
    platform: Platform, account: Account, destination_id: str, list_id: str
) -> bool | None:
    """Return whether the partner has a list; None if it did not say."""
    tools = connector_tools(
        platform, destination_id, account.definition, account.secrets, resync=True
    )
    connector = account.connector_class(account.settings, tools)
    if not isinstance(connector, FindsList):
        return True
    new_batch()
    try:
        async with asyncio.timeout(SECONDS):
            return await connector.has_list(list_id)
    except (TimeoutError, ConnectorError) as error:
        log.info("list_not_looked_up", destination_id=destination_id, error=type(error).__name__)
        return None
