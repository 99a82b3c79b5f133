"""Calls that ended syncs left with the partner: before a plan, the partner is asked whether it still works on them."""

from __future__ import annotations

from app.connectors.base import Connector, LeavesWork
from app.connectors.errors import ConnectorError
from app.core.logging import get_logger
from app.services.accounts import connector_tools
from app.services.planning.plan_inputs import PlanInputs
from app.services.platform import Platform
from app.storage.models import Batch
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.left_calls import LeftCallQueries

log = get_logger(__name__)


async def end_left_calls(platform: Platform, inputs: PlanInputs) -> None:
    """Forget the left calls that the partner has finished. As long as one is left, exits of ``maybe`` keys stay ``maybe``."""
    sync, account = inputs.sync, inputs.account
    if sync.kind == "dry_run":
        return
    async with platform.unit_of_work() as session:
        left = await LeftCallQueries(session).of_activation(sync.space_id, sync.activation_id)
    if not left:
        return
    tools = connector_tools(
        platform, inputs.activation.destination_id, account.definition, account.secrets
    )
    connector = account.connector_class(account.settings, tools)
    for batch in left:
        if not await _still_works(connector, batch):
            async with platform.unit_of_work() as session:
                await BatchRepository(session).forget_call(batch)


async def _still_works(connector: Connector, batch: Batch) -> bool:
    """Ask the partner. If it cannot be asked now, the call counts as not finished."""
    if not isinstance(connector, LeavesWork):
        return False
    try:
        return await connector.still_works(batch.continuation or {})
    except ConnectorError as error:
        log.warning("left_call_unknown", sync_id=batch.sync_id, code=error.code)
        return True
