"""Activations in error: the state, the reason as it is stored and shown, and the open sync that is closed as failed (R23)."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import ConnectorError
from app.core.clock import to_wire
from app.core.logging import get_logger
from app.domain.activation_states import ActivationState
from app.domain.sync_states import SyncState
from app.services.syncs.lifecycle import close_open, is_at_work
from app.services.syncs.notices import notify_activation_in_error
from app.storage.models import Activation
from app.storage.repositories.runs import RunRepository

log = get_logger(__name__)


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


async def stop_for(session: AsyncSession, activation: Activation, error: ConnectorError) -> None:
    """Put a locked activation into the state ``error`` until a user acts; if it is not at work, only close its open sync."""
    if is_at_work(activation):
        await set_error(session, activation, error, paused_by="activation")
    else:
        activation.last_error = await fail_sync(session, activation, error)


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
