"""Accepted single-member changes, until the run that applies them has settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.run_states import RunState
from app.storage.models import Audience, MemberPatch, Run
from app.storage.repositories.runs import OPEN


class MemberPatchRepository:
    """Writing of patches; runs take them by rows (see the runs' repository)."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def add(
        self,
        space_id: str,
        audience_id: str,
        *,
        run_id: str,
        add: list[dict[str, Any]],
        remove: list[str],
    ) -> None:
        """Keep one accepted patch for the run that will apply it."""
        self.session.add(
            MemberPatch(
                space_id=space_id,
                audience_id=audience_id,
                run_id=run_id,
                add=add,
                remove=remove,
            )
        )
        await self.session.flush()

    async def left(self, limit: int) -> Sequence[tuple[Audience, datetime]]:
        """Audiences with patches that a failed run left and no open run will take; since when the oldest waits.

        Their rows are locked; those that somebody else has are left out.
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
            .with_for_update(of=Audience, skip_locked=True)
        )
        return [(audience, since) for audience, since in await self.session.execute(query)]

    async def last_failed_run(self, space_id: str, audience_id: str) -> Run | None:
        """The newest run of patches that failed."""
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
        return (await self.session.scalars(query)).first()
