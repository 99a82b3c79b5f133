"""Rows of the log that are past their retention: of syncs, runs and notices, in all workspaces."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.core.ids import first_id
from app.domain.notice_states import NoticeState
from app.domain.run_states import OPEN_STATES
from app.domain.sync_states import FINAL_STATES
from app.storage.models import Activation, Audience, Batch, Notice, Run, Snapshot, Space, Sync
from app.storage.repositories.base import Reader

ALWAYS_KEPT = 100  # the newest of each activation, and of each audience
MOST_KEPT = 100_000  # of each, older than the history


@dataclass(frozen=True, slots=True)
class Ages:
    """Rows before ``log`` are forgotten, and those before ``history`` that ``MOST_KEPT`` newer ones follow."""

    log: datetime
    history: datetime


class OldRows(Reader):
    """Deletes rows that are past their retention. Each method deletes at most ``limit`` rows, and returns their number."""

    async def forget_syncs(self, ages: Ages, limit: int) -> int:
        """Delete old syncs whose files and batches are forgotten already."""
        files = or_(Sync.plan.is_not(None), Sync.outcome.is_not(None))
        batches = exists().where(Batch.space_id == Sync.space_id, Batch.sync_id == Sync.id)
        unused = and_(Sync.state.in_(FINAL_STATES), ~files, ~batches)
        return await self._forget(Sync, Sync.activation_id, Activation, "syn", ages, unused, limit)

    async def forget_runs(self, ages: Ages, limit: int) -> int:
        """Delete old runs whose snapshot is forgotten already."""
        snapshots = exists().where(
            Snapshot.space_id == Run.space_id, Snapshot.id == Run.snapshot_id
        )
        unused = and_(Run.state.not_in(OPEN_STATES), ~snapshots)
        return await self._forget(Run, Run.audience_id, Audience, "run", ages, unused, limit)

    async def forget_notices(self, ages: Ages, limit: int) -> int:
        """Delete old notices that were sent or given up."""
        ended = (
            select(Notice.space_id, Notice.id)
            .where(
                Notice.space_id == Space.id,
                Notice.created_at < ages.log,
                Notice.state != NoticeState.NEW,
            )
            .limit(limit)
            .correlate(Space)
            .lateral()
        )
        found = select(ended.c.space_id, ended.c.id).select_from(Space).join(ended, true())
        return await self._delete(Notice, found.limit(limit))

    async def _forget(
        self,
        model: type[Any],
        owner: InstrumentedAttribute[str],
        owners: type[Any],
        prefix: str,
        ages: Ages,
        unused: ColumnElement[bool],
        limit: int,
    ) -> int:
        """Delete rows of ``model`` by the id of their owner. The last one of each kind and state stays: it says what is true now."""
        few = _newest(model, owner, owners, ALWAYS_KEPT)
        many = _newest(model, owner, owners, MOST_KEPT)
        later = aliased(model)
        is_followed = exists().where(
            later.space_id == model.space_id,
            getattr(later, owner.key) == owner,
            later.id > model.id,
            later.kind == model.kind,
            later.state == model.state,
        )
        old = (
            select(model.space_id, model.id)
            .where(
                model.space_id == owners.space_id,
                owner == owners.id,
                model.id < few,
                # Ids sort by time; those of earlier versions come before, so the moment decides.
                model.id < func.greatest(first_id(prefix, ages.log), many),
                or_(
                    model.finished_at < ages.log,
                    and_(model.id < many, model.finished_at < ages.history),
                ),
                unused,
                is_followed,
            )
            .limit(limit)
            .correlate(owners)
            .lateral()
        )
        found = select(old.c.space_id, old.c.id).select_from(owners).join(old, true())
        return await self._delete(model, found.limit(limit))

    async def _delete(self, model: type[Any], found: Any) -> int:
        gone = delete(model).where(tuple_(model.space_id, model.id).in_(found)).returning(model.id)
        return len((await self.session.scalars(gone)).all())


def _newest(
    model: type[Any], owner: InstrumentedAttribute[str], owners: type[Any], position: int
) -> ColumnElement[str]:
    """Return the id of the newest row but ``position`` - 1 of an owner; without one the empty text, which precedes all ids."""
    row = aliased(model)
    query = (
        select(row.id)
        .where(row.space_id == owners.space_id, getattr(row, owner.key) == owners.id)
        .order_by(row.id.desc())
        .offset(position - 1)
        .limit(1)
        .correlate(owners)
    )
    return func.coalesce(query.scalar_subquery(), "")
