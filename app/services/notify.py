"""Notices to people and machines: left with the transaction that causes them."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.storage.models import Activation, Sync

log = get_logger(__name__)


def sync_ended(session: AsyncSession, sync: Sync) -> None:
    """A sync is complete, failed or cancelled."""
    del session
    log.info("sync_ended", sync_id=sync.id, state=sync.state)


def sync_held(session: AsyncSession, sync: Sync) -> None:
    """A sync waits for somebody to approve it."""
    del session
    log.warning("sync_held", sync_id=sync.id, reason=sync.hold_reason)


def activation_in_error(session: AsyncSession, activation: Activation) -> None:
    """An activation is paused by an error."""
    del session
    log.warning("activation_paused", activation_id=activation.id)
