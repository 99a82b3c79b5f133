"""Activations that are due, and the runs of the audiences that they compute first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select

from app.domain.run_states import OPEN_STATES as OPEN_RUNS
from app.domain.run_states import RunKind
from app.domain.sync_states import SyncKind, SyncState
from app.storage.models import (
    OPEN_STATES,
    Activation,
    ActivationSource,
    AudienceSchedule,
    Run,
    Sync,
)
from app.storage.repositories.base import Reader

_TURN = 4_771_004  # key of the advisory lock


class AwaitedRunQueries(Reader):
    """Reads across activations, their audiences, runs and syncs."""

    async def take_turn(self) -> bool:
        """Return whether no other transaction opens awaited runs; none does until this one ends.

        Two activations that are due at one moment share a run only if the second sees the first one's.
        """
        turn = await self.session.scalar(select(func.pg_try_advisory_xact_lock(_TURN)))
        return bool(turn)

    async def take_ready(self, limit: int) -> Sequence[Activation]:
        """Lock activations that wait for runs of which none is open, and for no sync; due for the longest time first.

        Rows that another worker has locked are left out.
        """
        query = select(Activation).where(
            Activation.awaits_since.is_not(None),
            Activation.deleted_at.is_(None),
            ~_awaited_run_is_open(),
            ~_sync_must_end(),
        )
        ordered = query.order_by(Activation.awaits_since, Activation.id).limit(limit)
        return await self._all(ordered, "update", of=Activation, skip_locked=True)

    async def runs_since(
        self, space_id: str, audience_ids: Sequence[str], since: datetime
    ) -> Sequence[Run]:
        """Read the runs that compute the definition of some audiences as of ``since`` or later, oldest first."""
        query = select(Run).where(
            Run.space_id == space_id,
            Run.audience_id.in_(audience_ids),
            Run.kind == RunKind.DEFINITION,
            Run.as_of >= since,
        )
        return await self._all(query.order_by(Run.created_at, Run.id))


def _awaited_run_is_open() -> ColumnElement[bool]:
    """Return the condition that an audience without a schedule is being computed for an activation."""
    return exists().where(
        ActivationSource.space_id == Activation.space_id,
        ActivationSource.activation_id == Activation.id,
        Run.space_id == ActivationSource.space_id,
        Run.audience_id == ActivationSource.audience_id,
        Run.kind == RunKind.DEFINITION,
        Run.state.in_(OPEN_RUNS),
        Run.as_of >= Activation.awaits_since,
        ~exists().where(
            AudienceSchedule.space_id == Run.space_id,
            AudienceSchedule.audience_id == Run.audience_id,
        ),
    )


def _sync_must_end() -> ColumnElement[bool]:
    """Return the condition that an open sync of an activation ends before the next one is opened."""
    return exists().where(
        Sync.space_id == Activation.space_id,
        Sync.activation_id == Activation.id,
        Sync.state.in_(OPEN_STATES),
        Sync.kind != SyncKind.DRY_RUN,
        or_(
            Sync.state == SyncState.RUNNING,
            Sync.closing.is_not(None),
            Sync.kind.in_((SyncKind.TEST, SyncKind.BASELINE)),
        ),
    )
