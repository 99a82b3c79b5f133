"""What needs the attention of people in a space, and what is due next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import aliased

from app.domain.run_states import OPEN_STATES, RunState
from app.domain.sync_states import SyncState
from app.storage.models import Activation, Audience, AudienceSchedule, Destination, Run, Sync
from app.storage.repositories.base import DATABASE_NOW, Reader


@dataclass(frozen=True, slots=True)
class HeldSync:
    """A sync on hold, with its activation."""

    sync: Sync
    activation_name: str
    audience_id: str


@dataclass(frozen=True, slots=True)
class FailedRun:
    """An audience whose newest ended run failed."""

    run: Run
    audience_name: str


@dataclass(frozen=True, slots=True)
class LateAudience:
    """An audience whose recompute is due, but has not ended."""

    id: str
    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class NextDue:
    """An activation and the time of its next sync."""

    activation_id: str
    audience_id: str
    name: str
    due_at: datetime


class AttentionQueries(Reader):
    """Reads across syncs, activations, audiences, runs and destinations; each list is limited to ``most`` entries."""

    async def on_hold(self, space_id: str, most: int) -> Sequence[HeldSync]:
        """Return the syncs on hold, the oldest first."""
        query = (
            select(Sync, Activation.name, Activation.audience_id)
            .join(
                Activation,
                and_(Activation.space_id == Sync.space_id, Activation.id == Sync.activation_id),
            )
            .where(Sync.space_id == space_id, Sync.state == SyncState.HELD)
            .order_by(Sync.id)
            .limit(most)
        )
        return [HeldSync(*row) for row in await self.session.execute(query)]

    async def failed_runs(self, space_id: str, most: int) -> Sequence[FailedRun]:
        """Return the audiences whose newest ended run failed, by name."""
        newest = (
            select(Run)
            .where(
                Run.space_id == Audience.space_id,
                Run.audience_id == Audience.id,
                Run.state.in_((RunState.COMPLETE, RunState.FAILED)),
            )
            .order_by(Run.id.desc())
            .limit(1)
            .correlate(Audience)
            .lateral("newest")
        )
        run = aliased(Run, newest)
        query = (
            select(run, Audience.name)
            .select_from(Audience)
            .join(newest, newest.c.state == RunState.FAILED)
            .where(Audience.space_id == space_id)
            .order_by(Audience.name)
            .limit(most)
        )
        return [FailedRun(*row) for row in await self.session.execute(query)]

    async def paused_accounts(self, space_id: str, most: int) -> Sequence[Destination]:
        """Return the accounts whose circuit breaker is open, by name."""
        query = (
            select(Destination)
            .where(Destination.space_id == space_id, Destination.open_until > DATABASE_NOW)
            .order_by(Destination.name)
            .limit(most)
        )
        return await self._all(query)

    async def late(self, space_id: str, grace: timedelta, most: int) -> Sequence[LateAudience]:
        """Return the audiences whose scheduled or open recompute is due for longer than ``grace``, by name."""
        before = DATABASE_NOW - grace
        scheduled = select(AudienceSchedule.audience_id, AudienceSchedule.next_due_at).where(
            AudienceSchedule.space_id == space_id, AudienceSchedule.next_due_at < before
        )
        open_runs = select(Run.audience_id, Run.created_at).where(
            Run.space_id == space_id, Run.state.in_(OPEN_STATES), Run.created_at < before
        )
        due = scheduled.union_all(open_runs).subquery("due")
        query = (
            select(Audience.id, Audience.name, due.c.next_due_at)
            .join(due, due.c.audience_id == Audience.id)
            .where(Audience.space_id == space_id, or_(Audience.enabled, Audience.query != ""))
            .order_by(Audience.name, due.c.next_due_at)
            .limit(most)
        )
        rows = [LateAudience(*row) for row in await self.session.execute(query)]
        return list({row.id: row for row in reversed(rows)}.values())[::-1]

    async def next_due(self, space_id: str, most: int) -> Sequence[NextDue]:
        """Return the activations that are due next by the clock, the first one first."""
        query = (
            select(Activation.id, Activation.audience_id, Activation.name, Activation.next_due_at)
            .where(
                Activation.space_id == space_id,
                Activation.deleted_at.is_(None),
                Activation.enabled,
                Activation.next_due_at.is_not(None),
            )
            .order_by(Activation.next_due_at)
            .limit(most)
        )
        rows = (await self.session.execute(query)).all()
        return [NextDue(one, audience, name, due) for one, audience, name, due in rows if due]
