"""Runs, snapshots and accepted patches: what recomputing an audience reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, case, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.domain.run_states import RunState
from app.storage.models import Activation, ActivationSource, Audience, MemberPatch, Run, Snapshot

OPEN = (RunState.NEW, RunState.RUNNING)
_database_now = func.clock_timestamp(type_=DateTime(timezone=True))


class RunRepository:
    """All queries about runs and their snapshots."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def get(self, space_id: str, run_id: str) -> Run | None:
        """One run."""
        return await self.session.get(Run, (space_id, run_id), populate_existing=True)

    async def list(
        self, space_id: str, audience_id: str, *, before: str | None, limit: int
    ) -> Sequence[Run]:
        """Newest first, those older than ``before``."""
        query = select(Run).where(Run.space_id == space_id, Run.audience_id == audience_id)
        if before:
            query = query.where(Run.id < before)
        return (await self.session.scalars(query.order_by(Run.id.desc()).limit(limit))).all()

    async def count(self, space_id: str, audience_id: str) -> int:
        """How many runs an audience has."""
        query = select(func.count()).where(Run.space_id == space_id, Run.audience_id == audience_id)
        return (await self.session.scalar(query)) or 0

    async def new_patch_run(self, space_id: str, audience_id: str) -> Run | None:
        """A patch run that has not begun, locked: it will take later patches with it.

        None where an upload waits behind it: what is accepted after the upload must be applied after it.
        """
        later = aliased(Run)
        query = select(Run).where(
            Run.space_id == space_id,
            Run.audience_id == audience_id,
            Run.kind == "patch",
            Run.state == RunState.NEW,
            ~exists().where(
                later.space_id == space_id,
                later.audience_id == audience_id,
                later.kind != "patch",
                later.state.in_(OPEN),
                later.created_at >= Run.created_at,
            ),
        )
        return (await self.session.scalars(query.with_for_update(of=Run).limit(1))).first()

    async def claim(self, space_id: str, run_id: str, owner: str, lease: timedelta) -> Run | None:
        """Take a run that is due, the oldest open one of its audience only (R6); None where it is not to be had."""
        run = await self.get(space_id, run_id)
        if run is None:
            return None
        # The audience's row is the gate: two claims of one audience wait for each other here (R7).
        await self.session.execute(
            select(Audience.id)
            .where(Audience.space_id == space_id, Audience.id == run.audience_id)
            .with_for_update()
        )
        oldest = (
            select(Run.id)
            .where(
                Run.space_id == space_id, Run.audience_id == run.audience_id, Run.state.in_(OPEN)
            )
            .order_by(Run.created_at, Run.id)
            .limit(1)
            .scalar_subquery()
        )
        statement = (
            update(Run)
            .where(
                Run.space_id == space_id,
                Run.id == run_id,
                Run.id == oldest,
                Run.state.in_(OPEN),
                or_(Run.lease_until.is_(None), Run.lease_until < _database_now),
                or_(Run.next_at.is_(None), Run.next_at <= _database_now),
            )
            .values(
                state=RunState.RUNNING,
                attempts=Run.attempts + 1,
                lost_leases=case((Run.lease_until.is_not(None), Run.lost_leases + 1), else_=0),
                lease_owner=owner,
                lease_token=Run.lease_token + 1,
                lease_until=_database_now + lease,
                started_at=func.coalesce(Run.started_at, _database_now),
            )
            .returning(Run)
            .execution_options(populate_existing=True)
        )
        return (await self.session.scalars(statement)).first()

    async def renew(
        self, space_id: str, run_id: str, token: int, lease: timedelta, **values: Any
    ) -> bool:
        """Keep a lease, and say how far it is; False where it was lost."""
        return await self._fenced(
            space_id, run_id, token, lease_until=_database_now + lease, **values
        )

    async def release(
        self, space_id: str, run_id: str, token: int, wait: timedelta, **values: Any
    ) -> bool:
        """Give a run back for a later try."""
        return await self._fenced(
            space_id,
            run_id,
            token,
            state=RunState.NEW,
            lease_owner=None,
            lease_until=None,
            next_at=_database_now + wait,
            **values,
        )

    async def hasten(self, space_id: str, run_id: str) -> Run | None:
        """Let a run that was put off begin at once; None where it is no longer waiting."""
        statement = (
            update(Run)
            .where(Run.space_id == space_id, Run.id == run_id, Run.state == RunState.NEW)
            .values(next_at=None)
            .returning(Run)
        )
        return (await self.session.scalars(statement)).first()

    async def finish(self, space_id: str, run_id: str, token: int, **values: Any) -> bool:
        """Settle a run under its fence; False where the lease was lost."""
        return await self._fenced(
            space_id,
            run_id,
            token,
            lease_owner=None,
            lease_until=None,
            finished_at=_database_now,
            **values,
        )

    async def _fenced(self, space_id: str, run_id: str, token: int, **values: Any) -> bool:
        statement = (
            update(Run)
            .where(
                Run.space_id == space_id,
                Run.id == run_id,
                Run.lease_token == token,
                Run.state == RunState.RUNNING,
            )
            .values(**values)
            .returning(Run.id)
            .execution_options(synchronize_session=False)
        )
        return (await self.session.scalar(statement)) is not None

    async def next_open(self, space_id: str, audience_id: str) -> Run | None:
        """The oldest run of an audience that has not settled."""
        query = (
            select(Run)
            .where(Run.space_id == space_id, Run.audience_id == audience_id, Run.state.in_(OPEN))
            .order_by(Run.created_at, Run.id)
            .limit(1)
        )
        return (await self.session.scalars(query)).first()

    async def due(self, limit: int) -> Sequence[Run]:
        """Runs that somebody should take, of all spaces."""
        query = (
            select(Run)
            .where(
                Run.state.in_(OPEN),
                or_(Run.lease_until.is_(None), Run.lease_until < _database_now),
                or_(Run.next_at.is_(None), Run.next_at <= _database_now),
            )
            .order_by(Run.created_at)
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    async def database_now(self) -> datetime:
        """The database's clock, by which leases are kept."""
        return (await self.session.execute(select(_database_now))).scalar_one()

    # Snapshots

    async def snapshot(self, space_id: str, snapshot_id: str) -> Snapshot | None:
        """One snapshot."""
        return await self.session.get(Snapshot, (space_id, snapshot_id))

    async def snapshots(
        self, space_id: str, audience_id: str, *, before: int | None, limit: int
    ) -> Sequence[Snapshot]:
        """Newest version first."""
        query = select(Snapshot).where(
            Snapshot.space_id == space_id, Snapshot.audience_id == audience_id
        )
        if before is not None:
            query = query.where(Snapshot.version < before)
        return (
            await self.session.scalars(query.order_by(Snapshot.version.desc()).limit(limit))
        ).all()

    async def count_snapshots(self, space_id: str, audience_id: str) -> int:
        """How many snapshots an audience has."""
        query = select(func.count()).where(
            Snapshot.space_id == space_id, Snapshot.audience_id == audience_id
        )
        return (await self.session.scalar(query)) or 0

    async def audience(
        self, space_id: str, audience_id: str, *, lock: bool = False
    ) -> Audience | None:
        """The audience, locked for an update where asked."""
        query = select(Audience).where(Audience.space_id == space_id, Audience.id == audience_id)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def activations_reading(self, space_id: str, audience_id: str) -> Sequence[Activation]:
        """Living activations that have an audience among their sources, locked in the order of their ids (R7)."""
        query = (
            select(Activation)
            .join(
                ActivationSource,
                (ActivationSource.space_id == Activation.space_id)
                & (ActivationSource.activation_id == Activation.id),
            )
            .where(
                Activation.space_id == space_id,
                ActivationSource.audience_id == audience_id,
                Activation.deleted_at.is_(None),
            )
            .order_by(Activation.id)
            .with_for_update(of=Activation)
            .execution_options(populate_existing=True)
        )
        return (await self.session.scalars(query)).all()

    # Patches

    async def take_patches(
        self, space_id: str, audience_id: str, run_id: str
    ) -> Sequence[MemberPatch]:
        """The patches of a run in the order in which they were accepted, and those that a failed run left behind.

        A patch is given to its run when it is accepted, under the run's lock; none is missed by an id cursor (R7).
        """
        waiting = (
            select(MemberPatch.id)
            .where(
                MemberPatch.space_id == space_id,
                MemberPatch.audience_id == audience_id,
                MemberPatch.run_id.is_(None),
            )
            .with_for_update()
        )
        await self.session.execute(
            update(MemberPatch)
            .where(MemberPatch.space_id == space_id, MemberPatch.id.in_(waiting))
            .values(run_id=run_id)
            .execution_options(synchronize_session=False)
        )
        query = (
            select(MemberPatch)
            .where(MemberPatch.space_id == space_id, MemberPatch.run_id == run_id)
            .order_by(MemberPatch.id)
        )
        return (await self.session.scalars(query)).all()

    async def leave_patches(self, space_id: str, run_id: str) -> None:
        """Keep the patches of a run that could not apply them: the next patch run takes them."""
        await self.session.execute(
            update(MemberPatch)
            .where(MemberPatch.space_id == space_id, MemberPatch.run_id == run_id)
            .values(run_id=None)
            .execution_options(synchronize_session=False)
        )

    async def move_patches(self, space_id: str, patches: Sequence[int], run_id: str) -> None:
        """Give patches to another run."""
        await self.session.execute(
            update(MemberPatch)
            .where(MemberPatch.space_id == space_id, MemberPatch.id.in_(patches))
            .values(run_id=run_id)
            .execution_options(synchronize_session=False)
        )

    async def drop_left_patches(self, space_id: str, audience_id: str, before: datetime) -> None:
        """Forget what failed runs left behind: a whole membership that came later says it all."""
        await self.session.execute(
            delete(MemberPatch).where(
                MemberPatch.space_id == space_id,
                MemberPatch.audience_id == audience_id,
                MemberPatch.run_id.is_(None),
                MemberPatch.created_at < before,
            )
        )

    async def drop_patches(self, space_id: str, run_id: str) -> None:
        """Forget the patches that a run has applied, or that failed with it."""
        await self.session.execute(
            delete(MemberPatch).where(
                MemberPatch.space_id == space_id, MemberPatch.run_id == run_id
            )
        )
