"""Calls that a sync left with the partner when it ended: an import that was accepted may still be applied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import aliased

from app.domain.activation_states import ActivationState
from app.domain.batch_states import BatchState
from app.storage.models import OPEN_STATES, Activation, Attempt, Batch, Sync
from app.storage.repositories.base import DATABASE_NOW, Reader
from app.storage.repositories.syncs import ENDED_STATES

_LEFT = (Batch.state != BatchState.RECORDED, Batch.continuation.is_not(None))
_OPEN = aliased(Sync)


class LeftCallQueries(Reader):
    """Reads across batches, attempts and syncs."""

    async def of_activation(self, space_id: str, activation_id: str) -> Sequence[Batch]:
        """Read the batches of ended syncs of an activation that the partner may still work on, oldest first."""
        query = (
            select(Batch)
            .join(Sync, (Sync.space_id == Batch.space_id) & (Sync.id == Batch.sync_id))
            .where(
                Sync.space_id == space_id,
                Sync.activation_id == activation_id,
                Sync.state.in_(ENDED_STATES),
                *_LEFT,
            )
            .order_by(Sync.number, Batch.number)
        )
        return await self._all(query)

    async def waits_since(self, space_id: str, sync_id: str) -> datetime | None:
        """Return since when the oldest call of a sync is left with the partner, None if no call is."""
        query = (
            select(func.min(Attempt.started_at))
            .join(
                Batch,
                (Batch.space_id == Attempt.space_id)
                & (Batch.sync_id == Attempt.sync_id)
                & (Batch.number == Attempt.number),
            )
            .where(
                Batch.space_id == space_id,
                Batch.sync_id == sync_id,
                *_LEFT,
            )
        )
        moment: datetime | None = (await self.session.execute(query)).scalar_one()
        return moment


def to_ask() -> Select[str, str]:
    """Select ``(space id, activation id)`` of activations whose left calls are to be asked about now.

    Activations that do not send are left out, and those with an open sync: its planning has asked.
    """
    is_open = exists().where(
        _OPEN.space_id == Sync.space_id,
        _OPEN.activation_id == Sync.activation_id,
        _OPEN.kind != "dry_run",
        _OPEN.state.in_(OPEN_STATES),
    )
    return (
        select(Sync.space_id, Sync.activation_id)
        .join(Batch, (Batch.space_id == Sync.space_id) & (Batch.sync_id == Sync.id))
        .join(
            Activation,
            (Activation.space_id == Sync.space_id) & (Activation.id == Sync.activation_id),
        )
        .where(
            Sync.state.in_(ENDED_STATES),
            *_LEFT,
            Batch.next_at <= DATABASE_NOW,
            Activation.enabled,
            Activation.state == ActivationState.ACTIVE,
            Activation.deleted_at.is_(None),
            ~is_open,
        )
        .distinct()
    )
