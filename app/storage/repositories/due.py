"""What is due by the clock of PostgreSQL: syncs to plan or settle, batches to send, patches to apply."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from app.domain.batch_states import BatchState
from app.domain.sync_states import DELIVERY_STATES, SyncState
from app.storage.models import (
    DUE_AT,
    OPEN_STATES,
    Audience,
    Batch,
    Destination,
    MemberPatch,
    Run,
    Sync,
)
from app.storage.repositories.base import DATABASE_NOW, Reader, locked
from app.storage.repositories.runs import OPEN, RUN_IS_DUE


class DueQueries(Reader):
    """Reads across syncs, batches, destinations, runs and patches."""

    async def is_to_settle(self, space_id: str, sync_id: str) -> bool:
        """Return whether all batches of a sync are recorded."""
        query = select(
            ~exists().where(
                Batch.space_id == space_id,
                Batch.sync_id == sync_id,
                Batch.state != BatchState.RECORDED,
            )
        )
        return bool((await self.session.execute(query)).scalar_one())

    async def batches_due(self) -> bool:
        """Return whether any batch can be claimed."""
        return (await self.session.scalar(sendable().limit(1))) is not None

    async def oldest_due(self) -> float:
        """Return for how many seconds the oldest due run, plan or batch has waited; 0 if nothing is due."""
        run = select(func.min(func.coalesce(Run.next_at, Run.lease_until, Run.created_at))).where(
            *RUN_IS_DUE
        )
        plan = select(
            func.min(func.coalesce(Sync.next_at, Sync.lease_until, Sync.opened_at))
        ).where(*is_to_be_planned())
        batch = select(
            func.min(_due_at())
        ).where(
            Destination.space_id == Sync.space_id,
            Destination.id == Sync.destination_id,
            *_is_delivering(),
            Batch.space_id == Sync.space_id,
            Batch.sync_id == Sync.id,
            batch_is_due(),  # also those that wait for exits: to tell them apart costs a look-up for each batch
        )
        oldest = func.least(run.scalar_subquery(), plan.scalar_subquery(), batch.scalar_subquery())
        age = func.coalesce(func.extract("epoch", DATABASE_NOW - oldest), 0)
        return max(0.0, float(await self.session.scalar(select(age)) or 0))

    async def left_patches(self, limit: int) -> Sequence[tuple[Audience, datetime]]:
        """Lock audiences with patches that a failed run left and that no open run will take.

        Returns each with the time since when its oldest patch waits. Rows that another worker has locked are left out.
        """
        oldest = (
            select(
                MemberPatch.space_id,
                MemberPatch.audience_id,
                func.min(MemberPatch.created_at).label("since"),
            )
            .where(MemberPatch.run_id.is_(None))
            .group_by(MemberPatch.space_id, MemberPatch.audience_id)
            .subquery()
        )
        is_open = exists().where(
            Run.space_id == Audience.space_id, Run.audience_id == Audience.id, Run.state.in_(OPEN)
        )
        query = (
            select(Audience, oldest.c.since)
            .join(
                oldest,
                (oldest.c.space_id == Audience.space_id) & (oldest.c.audience_id == Audience.id),
            )
            .where(~is_open, Audience.query == "")
            .limit(limit)
        )
        rows = await self.session.execute(locked(query, "update", of=Audience, skip_locked=True))
        return [(audience, since) for audience, since in rows]


def is_to_be_planned() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a sync waits to be planned, dry runs included."""
    return Sync.state == SyncState.NEW, Sync.closing.is_(None), is_free()


def is_to_be_settled() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a sync is being closed, or that it has no open batch."""
    unrecorded = exists().where(
        Batch.space_id == Sync.space_id,
        Batch.sync_id == Sync.id,
        Batch.state != BatchState.RECORDED,
    )
    return (
        Sync.state.in_(OPEN_STATES),
        Sync.kind != "dry_run",
        or_(Sync.closing.is_not(None), and_(Sync.state.in_(DELIVERY_STATES), ~unrecorded)),
        is_free(),
    )


@cache  # to build it takes longer than the query
def sendable() -> Select[str]:
    """Select the ids of syncs that have a batch that can be claimed."""
    return (
        select(Sync.id)
        .join(
            Destination,
            (Destination.space_id == Sync.space_id) & (Destination.id == Sync.destination_id),
        )
        # The offset keeps PostgreSQL from joining all due batches: it looks up one of each sync.
        .where(*_is_delivering(), select(Batch.number).where(*_can_be_claimed()).offset(0).exists())
    )


def _is_delivering() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a sync is being delivered, and its account is not paused."""
    return (
        Sync.state.in_(DELIVERY_STATES),
        Sync.closing.is_(None),
        or_(Destination.open_until.is_(None), Destination.open_until < DATABASE_NOW),
    )


def _can_be_claimed() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a batch belongs to a sync and can be claimed."""
    return (
        Batch.space_id == Sync.space_id,
        Batch.sync_id == Sync.id,
        batch_is_due(),
        or_(~_exits_come_first(), no_exit_is_left()),
        # Without such entries, all open batches would be read in search of one.
        or_(_owners_until() == 0, owners_are_recorded(_owners_until())),
    )


@cache
def batch_is_due() -> ColumnElement[bool]:
    """Return the condition that a batch is waiting and due, or that the lease of its worker has expired.

    The time is that of the statement: an index finds nothing by the exact clock, which moves during the statement.
    """
    return and_(Batch.state != BatchState.RECORDED, _due_at() <= func.statement_timestamp())


def _due_at() -> ColumnElement[datetime]:
    """Return the expression of the index ``ix_batch_due``: when a batch is due, or the lease of its worker ends."""
    return literal_column(DUE_AT.format("batch"), DateTime(timezone=True))


@cache
def no_exit_is_left() -> ColumnElement[bool]:
    """Return the condition that a batch holds exits, or that no batch of exits of its sync is open."""
    exits = aliased(Batch)
    unrecorded = exists().where(
        exits.space_id == Batch.space_id,
        exits.sync_id == Batch.sync_id,
        exits.kind == "exited",
        exits.state != BatchState.RECORDED,
    )
    return or_(Batch.kind == "exited", ~unrecorded)


def owners_are_recorded(until: ColumnElement[int] | int) -> ColumnElement[bool]:
    """Return the condition that a batch begins before row ``until``, or that no batch of entries before it is open."""
    owners = aliased(Batch)
    unrecorded = (
        exists()
        .where(
            owners.space_id == Batch.space_id,
            owners.sync_id == Batch.sync_id,
            owners.kind == "entered",
            owners.first_row < until,
            owners.state != BatchState.RECORDED,
        )
        .correlate(Batch, Sync)  # otherwise ``until`` is read from all syncs
    )
    return or_(Batch.first_row < until, ~unrecorded)


def _owners_until() -> ColumnElement[int]:
    return func.coalesce(Sync.spec["ownersUntil"].as_integer(), 0)


def _exits_come_first() -> ColumnElement[bool]:
    return func.coalesce(Sync.spec["exitsFirst"].as_boolean(), False)


@cache
def is_free() -> ColumnElement[bool]:
    """Return the condition that a sync has no lease and is due."""
    return and_(
        or_(Sync.lease_until.is_(None), Sync.lease_until < DATABASE_NOW),
        or_(Sync.next_at.is_(None), Sync.next_at <= DATABASE_NOW),
    )
