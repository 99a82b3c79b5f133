"""Calls that ended syncs left with the partner: the partner is asked whether it still works on them.

It is asked before each plan, and from time to time if no sync is open. The end of the last one opens a sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Connector, LeavesWork
from app.connectors.errors import ConnectorError
from app.core.logging import get_logger
from app.services.accounts import Account, connector_tools, open_account
from app.services.planning.plan_inputs import PlanInputs
from app.services.platform import Platform
from app.services.syncs import all_have_snapshots, is_at_work, open_sync
from app.storage.models import Activation, Batch, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.left_calls import LeftCallQueries
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.spaces import SpaceRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

LONGEST_WAIT = timedelta(minutes=15)
_SWEEPS = 6  # between two questions, at least
#: Then a call counts as finished, also if the partner cannot be asked: no partner works on one for so long.
FORGOTTEN_AFTER = timedelta(days=7)
ACTOR = "service"


async def end_left_calls(platform: Platform, inputs: PlanInputs) -> None:
    """Forget the left calls that the partner has finished. As long as one is left, exits of ``maybe`` keys stay ``maybe``."""
    sync = inputs.sync
    if sync.kind == "dry_run":
        return
    async with platform.unit_of_work() as session:
        left = await LeftCallQueries(session).of_activation(sync.space_id, sync.activation_id)
    if left:
        await _end(platform, _connector(platform, inputs.activation, inputs.account), left)


async def ask_left_calls(platform: Platform, space_id: str, activation_id: str) -> None:
    """Ask the partner about the left calls of an activation without an open sync. The end of the last opens a sync."""
    async with platform.unit_of_work() as session:
        left = await _due(platform, session, space_id, activation_id)
        if left is None:
            return
        activation = await ActivationRepository(session).require_any(space_id, activation_id)
        account = await _account(platform, session, activation)
    if await _end(platform, _connector(platform, activation, account), left):
        async with platform.unit_of_work() as session:
            await _open_sync(session, space_id, activation_id)


async def _due(
    platform: Platform, session: AsyncSession, space_id: str, activation_id: str
) -> list[Batch] | None:
    """Return the left calls to ask about, and let the next question wait. None if another worker asks.

    The longer a call has run, the longer is the wait. A call of more than seven days is forgotten unasked.
    """
    left, batches = [], BatchRepository(session)
    now = await RunRepository(session).database_now()
    for batch in await LeftCallQueries(session).of_activation(space_id, activation_id):
        age = now - await _ended_at(session, batch)
        wait = max(_SWEEPS * platform.settings.sweep_interval, min(age / 10, LONGEST_WAIT))
        if not await batches.ask_later(batch, wait):
            return None
        if age > FORGOTTEN_AFTER:
            await batches.forget_call(batch)
        else:
            left.append(batch)
    return left


async def _ended_at(session: AsyncSession, batch: Batch) -> datetime:
    sync = await SyncRepository(session).get(batch.space_id, batch.sync_id)
    assert sync is not None and sync.finished_at is not None  # noqa: S101, PT018  ended syncs only
    return sync.finished_at


async def _account(platform: Platform, session: AsyncSession, activation: Activation) -> Account:
    destination = await DestinationRepository(session).get(
        activation.space_id, activation.destination_id
    )
    assert destination is not None  # noqa: S101  a foreign key
    workspace_id = await SpaceRepository(session).workspace_of(activation.space_id)
    return open_account(platform.keyring, workspace_id, destination)


def _connector(platform: Platform, activation: Activation, account: Account) -> Connector:
    tools = connector_tools(
        platform, activation.destination_id, account.definition, account.secrets
    )
    return account.connector_class(account.settings, tools)


async def _end(platform: Platform, connector: Connector, left: Sequence[Batch]) -> bool:
    """Forget the calls that have ended, oldest first. Returns False at the first that the partner still works on."""
    for batch in left:
        if await _still_works(connector, batch):
            return False
        async with platform.unit_of_work() as session:
            await BatchRepository(session).forget_call(batch)
    return True


async def _still_works(connector: Connector, batch: Batch) -> bool:
    """Ask the partner. If it cannot be asked now, the call counts as not finished."""
    if not isinstance(connector, LeavesWork):
        return False
    try:
        return await connector.still_works(batch.continuation or {})
    except ConnectorError as error:
        log.warning("left_call_unknown", sync_id=batch.sync_id, code=error.code)
        return True


async def _open_sync(session: AsyncSession, space_id: str, activation_id: str) -> Sync | None:
    activation = await ActivationRepository(session).require_any(
        space_id, activation_id, lock="update"
    )
    if not is_at_work(activation) or not await all_have_snapshots(session, activation):
        return None
    return await open_sync(session, activation, trigger="call_ended", actor=ACTOR)
