"""Lists at partners: made once for a connection, or for an arm of an activation, named after what first needs one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Lists
from app.connectors.errors import ConfigurationRejected
from app.core.logging import get_logger
from app.domain.places import Place, place_of
from app.services.accounts import Account, connector_tools
from app.services.platform import Platform
from app.services.revision import Revision, list_key, uses_list
from app.snapshots.engine import Cut
from app.storage.models import Activation
from app.storage.repositories.connections import ConnectionRepository

log = get_logger(__name__)

MOMENT = 1.0  # seconds: from the answer of a partner to the row that says so, and plenty


async def ensure_lists(
    platform: Platform,
    activation: Activation,
    account: Account,
    revision: Revision,
    cuts: Sequence[Cut],
) -> None:
    """Make the lists that a plan's batches will write to, where the partner has lists and none is named.

    Raises what the connector raises. Two activations of one connection that plan at once agree on the list that was
    written down first.
    """
    definition = account.definition
    if not uses_list(definition, revision):
        return
    tools = connector_tools(platform, activation.destination_id, definition, account.secrets)
    connector = account.connector_class(account.settings, tools)
    if not isinstance(connector, Lists):
        return
    places = {list_key(activation.id, one): one for one in _unnamed(cuts)}
    made = await _made(platform, activation)
    assert activation.connection_id is not None  # noqa: S101  only a deleted activation has none
    for key, place in places.items():
        if key in made:
            continue
        name = f"{activation.name} ({place.arm})" if place.arm else activation.name
        # An arm's list is the activation's, so its reference is too.
        reference = f"{activation.connection_id}:{key}" if place.arm else activation.connection_id
        try:
            list_id = await connector.create_list(name, reference)
        except ConfigurationRejected:
            # That it exists may mean that the plan of another activation has made it just now.
            await asyncio.sleep(MOMENT)
            if key in await _made(platform, activation):
                continue
            raise
        async with platform.unit_of_work() as session:
            await _keep(session, activation, key, list_id)
        log.info("list_made", activation_id=activation.id, list_id=list_id)


def _unnamed(cuts: Sequence[Cut]) -> list[Place]:
    places = [place_of(text) for text in dict.fromkeys(cut.place for cut in cuts)]
    return [place for place in places if not place.settings]


async def _made(platform: Platform, activation: Activation) -> Mapping[str, str]:
    async with platform.unit_of_work() as session:
        return await ConnectionRepository(session).made_lists(activation)


async def _keep(session: AsyncSession, activation: Activation, key: str, list_id: str) -> None:
    assert activation.connection_id is not None  # noqa: S101  as above
    connection = await ConnectionRepository(session).of_activation(activation, lock="update")
    if connection is not None and key not in connection.lists:
        connection.lists = {**connection.lists, key: list_id}
