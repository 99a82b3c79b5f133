"""What of syncs and batches is due by PostgreSQL's account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import DateTime, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.domain.batch_states import BatchState
from app.domain.sync_states import DELIVERY_STATES, SyncState
from app.storage.models import OPEN_STATES, Batch, Destination, Sync

_database_now = func.clock_timestamp(type_=DateTime(timezone=True))


class DueRepository:
    """Syncs to plan and to settle, and whether any batch waits."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def to_plan(self, limit: int) -> Sequence[Sync]:
        """Syncs, dry runs too, that wait to be planned."""
        query = (
            select(Sync)
            .where(Sync.state == SyncState.NEW, Sync.closing.is_(None), is_free())
            .order_by(Sync.opened_at)
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    async def to_settle(self, limit: int) -> Sequence[Sync]:
        """Planned syncs that are being closed, or whose batches are all settled."""
        unsettled = exists().where(
            Batch.space_id == Sync.space_id,
            Batch.sync_id == Sync.id,
            Batch.state != BatchState.RECORDED,
        )
        query = (
            select(Sync)
            .where(
                Sync.state.in_(OPEN_STATES),
                Sync.kind != "dry_run",
                or_(
                    Sync.closing.is_not(None),
                    and_(Sync.state.in_(DELIVERY_STATES), ~unsettled),
                ),
                is_free(),
            )
            .order_by(Sync.opened_at)
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    async def is_to_settle(self, space_id: str, sync_id: str) -> bool:
        """Whether all batches of one sync are settled."""
        query = select(
            ~exists().where(
                Batch.space_id == space_id,
                Batch.sync_id == sync_id,
                Batch.state != BatchState.RECORDED,
            )
        )
        return bool((await self.session.execute(query)).scalar_one())

    async def batches_due(self) -> bool:
        """Whether any batch of any account that may be called waits for somebody."""
        query = (
            select(Sync.id)
            .join(
                Destination,
                (Destination.space_id == Sync.space_id) & (Destination.id == Sync.destination_id),
            )
            .where(
                Sync.state.in_(DELIVERY_STATES),
                Sync.closing.is_(None),
                or_(Destination.open_until.is_(None), Destination.open_until < _database_now),
                exists().where(
                    Batch.space_id == Sync.space_id,
                    Batch.sync_id == Sync.id,
                    batch_is_due(),
                    or_(~_exits_come_first(), no_exit_is_left()),
                ),
            )
            .limit(1)
        )
        return (await self.session.scalar(query)) is not None


def batch_is_due() -> Any:
    """A batch that waits for its time, or whose sender is gone."""
    return or_(
        and_(Batch.state == BatchState.WAITING, Batch.next_at <= _database_now),
        and_(Batch.state == BatchState.SENDING, Batch.lease_until < _database_now),
    )


def no_exit_is_left() -> Any:
    """Exits of the batch's sync are settled, or it is one of them."""
    exits = aliased(Batch)
    unsettled = exists().where(
        exits.space_id == Batch.space_id,
        exits.sync_id == Batch.sync_id,
        exits.kind == "exited",
        exits.state != BatchState.RECORDED,
    )
    return or_(Batch.kind == "exited", ~unsettled)


def _exits_come_first() -> Any:
    return func.coalesce(Sync.spec["exitsFirst"].as_boolean(), False)


def is_free() -> Any:
    """A sync that nobody works on, and whose time has come."""
    return and_(
        or_(Sync.lease_until.is_(None), Sync.lease_until < _database_now),
        or_(Sync.next_at.is_(None), Sync.next_at <= _database_now),
    )
