"""Accepted single-member changes, until the run that applies them has settled."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import MemberPatch


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
