"""Lists at partners, created once for a connection or for an arm of an activation, and named after the activation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Lists
from app.connectors.errors import ConfigurationRejected
from app.core.logging import get_logger
from app.core.threads import to_its_end
from app.domain.places import Place, list_name, place_of
from app.services.accounts import Account, connector_tools
from app.services.platform import Platform, retry_transaction
from app.services.revision import Revision, list_key, uses_list
from app.snapshots.engine import Cut
from app.storage.models import Activation
from app.storage.repositories.connections import ConnectionRepository

log = get_logger(__name__)

PATIENCE = 12  # tries, one minute
MOMENT = 1.0  # seconds; longer than it takes to store the id of a list that a partner has created


async def ensure_lists(
    platform: Platform,
    activation: Activation,
    account: Account,
    revision: Revision,
    cuts: Sequence[Cut],
) -> None:
    """Create the lists that a plan's batches write to, if the partner has lists and none is named.

    Raises the errors of the connector. If two activations of one connection plan at the same time, both use the list
    that was stored first.
    """
    definition = account.definition
    if not uses_list(definition, revision):
        return
    tools = connector_tools(platform, activation.destination_id, definition, account.secrets)
    connector = account.connector_class(account.settings, tools)
    if not isinstance(connector, Lists):
        return
    places = {list_key(activation.id, place): place for place in _unnamed(cuts)}
    made = await _made(platform, activation)
    assert activation.connection_id is not None  # noqa: S101  only a deleted activation has none
    for key, place in places.items():
        if key in made:
            continue
        # An arm's list belongs to one activation, so the reference names the activation.
        reference = f"{activation.connection_id}:{key}" if place.arm else activation.connection_id
        named = list_name(activation.name, place), reference
        try:
            # Not cut in between: the partner would have a list whose id nobody knows.
            await to_its_end(_create(platform, connector, activation, key, *named))
        except ConfigurationRejected:
            # It may exist because another activation's plan has just created it.
            await asyncio.sleep(MOMENT)
            if key in await _made(platform, activation):
                continue
            raise


async def _create(
    platform: Platform,
    connector: Lists,
    activation: Activation,
    key: str,
    name: str,
    reference: str,
) -> None:
    """Create a list at the partner, and keep its id: without it, the next plan would create another one."""
    list_id = await connector.create_list(name, reference)
    keep = partial(_keep, activation, key, list_id)
    await retry_transaction(platform.unit_of_work, keep, lost_tries=PATIENCE)
    log.info("list_created", activation_id=activation.id, list_id=list_id)


def _unnamed(cuts: Sequence[Cut]) -> list[Place]:
    places = [place_of(text) for text in dict.fromkeys(cut.place for cut in cuts)]
    return [place for place in places if not place.settings]


async def _made(platform: Platform, activation: Activation) -> Mapping[str, str]:
    async with platform.unit_of_work() as session:
        return await ConnectionRepository(session).made_lists(activation)


async def _keep(activation: Activation, key: str, list_id: str, session: AsyncSession) -> None:
    assert activation.connection_id is not None  # noqa: S101  only a deleted activation has none
    connection = await ConnectionRepository(session).of_activation(activation, lock="update")
    if connection is not None and key not in connection.lists:
        connection.lists = {**connection.lists, key: list_id}
