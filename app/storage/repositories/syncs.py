"""Syncs: opening, claiming, planning, closing, and what a sync needs to know of its activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    case,
    cast,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.batch_states import BatchState
from app.domain.sync_states import SyncState
from app.storage.models import (
    ASIDE_KINDS,
    OPEN_STATES,
    Activation,
    ActivationRevision,
    Batch,
    Destination,
    DestinationConnection,
    Space,
    Sync,
)
from app.storage.repositories.due import is_free

ENDED_STATES = (
    SyncState.COMPLETE,
    SyncState.FAILED,
    SyncState.CANCELLED,
)  # superseded ones have done nothing

_database_now = func.clock_timestamp(type_=DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What a sync's batches add up to."""

    batches: int
    settled: int
    sending: int
    delivered: int
    rejected: int
    skipped: int


class SyncRepository:
    """All queries about syncs."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    # Reading

    async def get(
        self, space_id: str, sync_id: str, *, activation_id: str | None = None, lock: bool = False
    ) -> Sync | None:
        """One sync, of a given activation where that matters."""
        query = select(Sync).where(Sync.space_id == space_id, Sync.id == sync_id)
        if activation_id is not None:
            query = query.where(Sync.activation_id == activation_id)
        if lock:
            query = query.with_for_update()
        query = query.execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def list(
        self, space_id: str, activation_id: str, *, before: str | None, limit: int
    ) -> Sequence[Sync]:
        """Newest first."""
        query = select(Sync).where(Sync.space_id == space_id, Sync.activation_id == activation_id)
        if before:
            query = query.where(Sync.id < before)
        return (await self.session.scalars(query.order_by(Sync.id.desc()).limit(limit))).all()

    async def count(self, space_id: str, activation_id: str) -> int:
        """How many syncs an activation has had."""
        query = select(func.count()).where(
            Sync.space_id == space_id, Sync.activation_id == activation_id
        )
        return (await self.session.scalar(query)) or 0

    async def open_of(
        self, space_id: str, activation_id: str, *, lock: bool = False
    ) -> Sync | None:
        """The one sync of an activation that is under way, dry runs apart."""
        query = select(Sync).where(
            Sync.space_id == space_id,
            Sync.activation_id == activation_id,
            Sync.kind != "dry_run",
            Sync.state.in_(OPEN_STATES),
        )
        if lock:
            query = query.with_for_update()
        query = query.execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def last_planned(self, space_id: str, activation_id: str) -> Sync | None:
        """The newest sync that was planned and carried out, in whole or in part."""
        return await self._last(space_id, activation_id, Sync.revision_id.is_not(None))

    async def last_begun(self, space_id: str, activation_id: str) -> Sync | None:
        """The newest sync that is running or has ended, planned or not."""
        return await self._last(space_id, activation_id)

    async def _last(
        self, space_id: str, activation_id: str, *conditions: ColumnElement[bool]
    ) -> Sync | None:
        query = (
            select(Sync)
            .where(
                Sync.space_id == space_id,
                Sync.activation_id == activation_id,
                Sync.kind.not_in(ASIDE_KINDS),
                Sync.state.in_((*ENDED_STATES, SyncState.RUNNING)),
                *conditions,
            )
            .order_by(Sync.number.desc())
            .limit(1)
        )
        return (await self.session.scalars(query)).first()

    async def is_delivered(self, space_id: str, activation_id: str, revision_id: str) -> bool:
        """Whether a sync under that revision was carried out to its end."""
        query = select(Sync.id).where(
            Sync.space_id == space_id,
            Sync.activation_id == activation_id,
            Sync.revision_id == revision_id,
            Sync.kind.not_in(ASIDE_KINDS),
            Sync.state == SyncState.COMPLETE,
        )
        return (
            await self.session.scalars(query.order_by(Sync.id.desc()).limit(1))
        ).first() is not None

    async def state_before(self, sync: Sync) -> str | None:
        """How the last sync before this one that came to an end has ended."""
        query = (
            select(Sync.state)
            .where(
                Sync.space_id == sync.space_id,
                Sync.activation_id == sync.activation_id,
                Sync.number < sync.number,
                Sync.kind.not_in(ASIDE_KINDS),
                Sync.state.in_(ENDED_STATES),
            )
            .order_by(Sync.number.desc())
            .limit(1)
        )
        return await self.session.scalar(query)

    async def counts(self, space_id: str, sync_ids: Sequence[str]) -> dict[str, BatchCounts]:
        """Progress of syncs, summed over their batches."""
        query = (
            select(
                Batch.sync_id,
                func.count(),
                func.count().filter(Batch.state == BatchState.RECORDED),
                func.count().filter(Batch.state == BatchState.SENDING),
                func.coalesce(func.sum(Batch.delivered), 0),
                func.coalesce(func.sum(Batch.rejected), 0),
                func.coalesce(func.sum(Batch.skipped), 0),
            )
            .where(Batch.space_id == space_id, Batch.sync_id.in_(sync_ids))
            .group_by(Batch.sync_id)
        )
        return {
            row[0]: BatchCounts(*(int(value) for value in row[1:]))
            for row in await self.session.execute(query)
        }

    # What a sync needs around it

    async def activation(
        self, space_id: str, activation_id: str, *, lock: bool = False
    ) -> Activation | None:
        """The activation, deleted ones too: their syncs must still be folded."""
        query = select(Activation).where(
            Activation.space_id == space_id, Activation.id == activation_id
        )
        if lock:
            query = query.with_for_update()
        query = query.execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def revision(self, space_id: str, revision_id: str) -> ActivationRevision | None:
        """One revision."""
        return await self.session.get(ActivationRevision, (space_id, revision_id))

    async def destination(
        self, space_id: str, destination_id: str, *, lock: bool = False
    ) -> Destination | None:
        """The account that a sync writes to."""
        query = select(Destination).where(
            Destination.space_id == space_id, Destination.id == destination_id
        )
        if lock:
            query = query.with_for_update()
        query = query.execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def connection(
        self, space_id: str, connection_id: str, *, lock: bool = False
    ) -> DestinationConnection | None:
        """The connection of an activation."""
        query = select(DestinationConnection).where(
            DestinationConnection.space_id == space_id, DestinationConnection.id == connection_id
        )
        if lock:
            query = query.with_for_update()
        query = query.execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def workspace_of(self, space_id: str) -> str:
        """The workspace that a space belongs to."""
        query = select(Space.workspace_id).where(Space.id == space_id)
        return (await self.session.execute(query)).scalar_one()

    async def activations_of_account(
        self, space_id: str, destination_id: str
    ) -> Sequence[Activation]:
        """Living activations that write to an account, locked in the order of their ids."""
        query = (
            select(Activation)
            .where(
                Activation.space_id == space_id,
                Activation.destination_id == destination_id,
                Activation.deleted_at.is_(None),
            )
            .order_by(Activation.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return (await self.session.scalars(query)).all()

    async def note(self, space_id: str, sync_id: str, values: dict[str, Any]) -> None:
        """Put values into a sync's report, in place of those of the same name."""
        await self.session.execute(
            update(Sync)
            .where(Sync.space_id == space_id, Sync.id == sync_id)
            .values(
                report=func.coalesce(Sync.report, cast({}, JSONB)).op("||")(cast(values, JSONB))
            )
            .execution_options(synchronize_session=False)
        )

    # Leases

    async def claim(
        self, space_id: str, sync_id: str, states: tuple[str, ...], owner: str, lease: timedelta
    ) -> Sync | None:
        """Take a sync for planning or settling; None where it is not due or somebody has it."""
        statement = (
            update(Sync)
            .where(
                Sync.space_id == space_id,
                Sync.id == sync_id,
                Sync.state.in_(states),
                is_free(),
            )
            .values(
                attempts=Sync.attempts + 1,
                lost_leases=Sync.lost_leases + cast(Sync.lease_until.is_not(None), Integer),
                lease_owner=owner,
                lease_token=Sync.lease_token + 1,
                lease_until=_database_now + lease,
            )
            .returning(Sync)
            .execution_options(populate_existing=True)
        )
        return (await self.session.scalars(statement)).first()

    async def renew(self, space_id: str, sync_id: str, token: int, lease: timedelta) -> bool:
        """Keep a lease; False where it was lost."""
        return await self.fenced(space_id, sync_id, token, lease_until=_database_now + lease)

    async def release(
        self,
        space_id: str,
        sync_id: str,
        token: int,
        *,
        wait: timedelta | None = None,
        until: datetime | None = None,
        **values: Any,
    ) -> bool:
        """Give a sync back; it is not due before ``wait`` has passed or ``until`` has come."""
        next_at = until if until is not None else (_database_now + wait if wait else None)
        return await self.fenced(
            space_id, sync_id, token, lease_owner=None, lease_until=None, next_at=next_at, **values
        )

    async def fenced(self, space_id: str, sync_id: str, token: int, **values: Any) -> bool:
        """Write under a lease; False where it was lost to somebody else, or the sync has ended meanwhile."""
        statement = (
            update(Sync)
            .where(
                Sync.space_id == space_id,
                Sync.id == sync_id,
                Sync.lease_token == token,
                Sync.state.in_(OPEN_STATES),
            )
            .values(**values)
            .returning(Sync.id)
            .execution_options(synchronize_session=False)
        )
        return (await self.session.scalar(statement)) is not None

    # Settle time (R11)

    async def settled_at(
        self, space_id: str, activation_id: str, settle: timedelta
    ) -> datetime | None:
        """When the last unknown attempt of an activation will be old enough; None where it is already."""
        newest = (
            select(func.max(Sync.last_unknown_at))
            .where(Sync.space_id == space_id, Sync.activation_id == activation_id)
            .scalar_subquery()
        )
        query = select(case((newest + settle > _database_now, newest + settle), else_=None))
        moment: datetime | None = (await self.session.execute(query)).scalar_one()
        return moment

    # Batches of a sync as a whole

    async def batches(self, space_id: str, sync_id: str) -> Sequence[Batch]:
        """All batches in order."""
        query = (
            select(Batch)
            .where(Batch.space_id == space_id, Batch.sync_id == sync_id)
            .order_by(Batch.number)
            .execution_options(populate_existing=True)
        )
        return (await self.session.scalars(query)).all()

    async def drop_batches(self, space_id: str, sync_id: str) -> None:
        """Forget the batches of a sync that has sent nothing."""
        await self.session.execute(
            delete(Batch).where(Batch.space_id == space_id, Batch.sync_id == sync_id)
        )

    async def in_flight_until(self, space_id: str, sync_id: str) -> datetime | None:
        """Until when a batch may be in flight; None where none is."""
        query = select(func.max(Batch.lease_until)).where(
            Batch.space_id == space_id,
            Batch.sync_id == sync_id,
            Batch.state == BatchState.SENDING,
            Batch.lease_until > _database_now,
        )
        moment: datetime | None = (await self.session.execute(query)).scalar_one()
        return moment
