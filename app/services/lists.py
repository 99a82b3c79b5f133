"""Lists at partners: made once for a connection, named after the activation that first needs one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.connectors.base import Lists
from app.core.logging import get_logger
from app.services import planning
from app.services.accounts import Account
from app.services.platform import Platform
from app.services.sending import OWN_LIST, connector_tools, target_of
from app.storage.models import Activation
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)


async def ensure(
    platform: Platform, activation: Activation, account: Account, config: Mapping[str, Any]
) -> None:
    """Make the list that a plan's batches will write to, where the partner has lists and none is named.

    Raises what the connector raises. Two activations of one connection that plan at once agree on the list that was
    written down first.
    """
    definition = account.definition
    tools = connector_tools(platform, activation.destination_id, definition)
    connector = account.connector_class(account.settings, tools)
    if not isinstance(connector, Lists) or _names_list(account, config):
        return
    async with platform.unit_of_work() as session:
        if await target_of(SyncRepository(session), activation, config) is not None:
            return
    assert activation.connection_id is not None  # noqa: S101  only a deleted activation has none
    made = await connector.create_list(activation.name, activation.connection_id)
    async with platform.unit_of_work() as session:
        connection = await SyncRepository(session).connection(
            activation.space_id, activation.connection_id, lock=True
        )
        if connection is not None and OWN_LIST not in connection.lists:
            connection.lists = {**connection.lists, OWN_LIST: made}
    log.info("list_made", activation_id=activation.id, list_id=made)


def _names_list(account: Account, config: Mapping[str, Any]) -> bool:
    definition = account.definition
    action = planning.action_of(definition, config)
    if action is not None and not action.uses_list:
        return True
    named = {
        **(config.get("connectionSettings") or {}),
        **((config.get("destinationMapping") or {}).get("settings") or {}),
    }
    return any(named.get(key) for key in definition.list_keys)
