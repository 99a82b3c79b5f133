"""Runs: the computations of the membership of an audience."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import aliased

from app.domain.run_states import RunState
from app.storage.models import Audience, Run
from app.storage.repositories.base import DATABASE_NOW, Repository

OPEN = (RunState.NEW, RunState.RUNNING)
RUN_IS_FREE = (
    or_(Run.lease_until.is_(None), Run.lease_until < DATABASE_NOW),
    or_(Run.next_at.is_(None), Run.next_at <= DATABASE_NOW),
)


def _is_first() -> ColumnElement[bool]:
    """Return the condition that no older run of the audience of a run is open (R6)."""
    older = aliased(Run)
    return ~exists().where(
        older.space_id == Run.space_id,
        older.audience_id == Run.audience_id,
        older.state.in_(OPEN),
        tuple_(older.created_at, older.id) < tuple_(Run.created_at, Run.id),
    )


RUN_IS_DUE = (Run.state.in_(OPEN), _is_first(), *RUN_IS_FREE)


class RunRepository(Repository[Run]):
    """Table ``run``."""

    model = Run
    noun = "run"
    key = (Run.space_id, Run.id)
    parent = (Run.space_id, Run.audience_id)

    async def list(
        self, space_id: str, audience_id: str, *, before: str | None, limit: int
    ) -> Sequence[Run]:
        """Read runs of an audience that are older than the id ``before``, newest first."""
        return await self._newest(
            space_id, audience_id, column=Run.id, before=before or None, limit=limit
        )

    async def new_patch_run(self, space_id: str, audience_id: str) -> Run | None:
        """Read and lock the patch run that has not started, so that later patches join it.

        Returns None if another run is queued after it, since what was accepted later must be applied later: an upload, or a patch
        run that was opened while this one had started; an error then released this one for another try.
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
                later.state.in_(OPEN),
                or_(
                    tuple_(later.created_at, later.id) > tuple_(Run.created_at, Run.id),
                    and_(later.kind != "patch", later.created_at == Run.created_at),
                ),
            ),
        )
        return await self._first(query.limit(1), "update", of=Run)

    async def claim(self, space_id: str, run_id: str, owner: str, lease: timedelta) -> Run | None:
        """Claim a due run if it is the oldest open one of its audience (R6). Returns None if it cannot be claimed."""
        run = await self.get(space_id, run_id)
        if run is None:
            return None
        # Two claims for one audience wait for each other at the lock of its row (R7).
        await self.session.execute(
            select(Audience.id)
            .where(Audience.space_id == space_id, Audience.id == run.audience_id)
            .with_for_update(key_share=True)
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
                *RUN_IS_FREE,
            )
            .values(
                state=RunState.RUNNING,
                attempts=Run.attempts + 1,
                lost_leases=case((Run.lease_until.is_not(None), Run.lost_leases + 1), else_=0),
                lease_owner=owner,
                lease_token=Run.lease_token + 1,
                lease_until=DATABASE_NOW + lease,
                started_at=func.coalesce(Run.started_at, DATABASE_NOW),
            )
            .returning(Run)
            .execution_options(populate_existing=True)
        )
        return (await self.session.scalars(statement)).first()

    async def renew(
        self, space_id: str, run_id: str, token: int, lease: timedelta, **values: Any
    ) -> bool:
        """Extend a lease and write the progress. Returns False if the lease was lost."""
        return await self._fenced(
            space_id, run_id, token, lease_until=DATABASE_NOW + lease, **values
        )

    async def release(
        self, space_id: str, run_id: str, token: int, wait: timedelta, **values: Any
    ) -> bool:
        """Release a run for a later attempt. Returns False if the lease was lost."""
        return await self._fenced(
            space_id,
            run_id,
            token,
            state=RunState.NEW,
            lease_owner=None,
            lease_until=None,
            next_at=DATABASE_NOW + wait,
            **values,
        )

    async def report_alive(self, space_id: str, run_id: str, token: int) -> None:
        """Take back that a claim after ``token`` counted its worker as lost: the worker is alive, but came too late."""
        await self._write(
            update(Run)
            .where(
                Run.space_id == space_id,
                Run.id == run_id,
                Run.lease_token > token,
                Run.state == RunState.RUNNING,
            )
            .values(lost_leases=func.greatest(Run.lost_leases - 1, 0))
        )

    async def hasten(self, space_id: str, run_id: str) -> Run | None:
        """Make a postponed run due now. Returns None if it is no longer waiting."""
        statement = (
            update(Run)
            .where(Run.space_id == space_id, Run.id == run_id, Run.state == RunState.NEW)
            .values(next_at=None)
            .returning(Run)
        )
        return (await self.session.scalars(statement)).first()

    async def finish(self, space_id: str, run_id: str, token: int, **values: Any) -> bool:
        """End a run. Returns False if the lease was lost; then nothing was written."""
        return await self._fenced(
            space_id,
            run_id,
            token,
            lease_owner=None,
            lease_until=None,
            finished_at=DATABASE_NOW,
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
        """Read the oldest run of an audience that has not ended."""
        query = (
            select(Run)
            .where(Run.space_id == space_id, Run.audience_id == audience_id, Run.state.in_(OPEN))
            .order_by(Run.created_at, Run.id)
            .limit(1)
        )
        return await self._first(query)

    async def last_failed_patch(self, space_id: str, audience_id: str) -> Run | None:
        """Read the newest patch run that failed."""
        query = (
            select(Run)
            .where(
                Run.space_id == space_id,
                Run.audience_id == audience_id,
                Run.kind == "patch",
                Run.state == RunState.FAILED,
            )
            .order_by(Run.id.desc())
            .limit(1)
        )
        return await self._first(query)

    async def last_upload(self, space_id: str, audience_id: str) -> Run | None:
        """Read the newest run of an upload."""
        query = (
            select(Run)
            .where(Run.space_id == space_id, Run.audience_id == audience_id, Run.kind == "upload")
            .order_by(Run.id.desc())
            .limit(1)
        )
        return await self._first(query)

    async def newest_reading(self, space_id: str, audience_ids: Sequence[str]) -> Sequence[Run]:
        """Read the newest run of each audience that has read datasets."""
        newest = (
            select(Run.id)
            .where(
                Run.space_id == space_id,
                Run.audience_id == Audience.id,
                Run.sources.is_not(None),
            )
            .order_by(Run.id.desc())
            .limit(1)
            .correlate(Audience)
            .scalar_subquery()
        )
        query = (
            select(Run)
            .join(Audience, and_(Audience.space_id == Run.space_id, Run.id == newest))
            .where(Run.space_id == space_id, Audience.id.in_(audience_ids))
        )
        return await self._all(query)

    async def delete_all(self, space_id: str, audience_id: str) -> None:
        """Delete all runs of an audience."""
        await self._write(
            delete(Run).where(Run.space_id == space_id, Run.audience_id == audience_id)
        )
