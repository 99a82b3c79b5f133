"""Accepted changes of single members, until the run that applies them has ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from app.storage.models import MemberPatch
from app.storage.repositories.base import Repository


class MemberPatchRepository(Repository[MemberPatch]):
    """Table ``member_patch``."""

    model = MemberPatch
    noun = "member patch"
    key = (MemberPatch.space_id, MemberPatch.id)
    parent = (MemberPatch.space_id, MemberPatch.audience_id)

    async def accept(
        self,
        space_id: str,
        audience_id: str,
        *,
        run_id: str,
        add: list[dict[str, Any]],
        remove: list[str],
    ) -> None:
        """Store an accepted patch for the run that will apply it."""
        self.add(
            MemberPatch(
                space_id=space_id,
                audience_id=audience_id,
                run_id=run_id,
                add=add,
                remove=remove,
            )
        )
        await self.session.flush()

    async def take(self, space_id: str, audience_id: str, run_id: str) -> Sequence[MemberPatch]:
        """Read the patches of a run in the order of acceptance, with those that a failed run left.

        A patch is assigned to its run when it is accepted, under the lock of the run. A cursor over ids could miss
        patches that are committed late (R7).
        """
        waiting = (
            select(MemberPatch.id)
            .where(
                MemberPatch.space_id == space_id,
                MemberPatch.audience_id == audience_id,
                MemberPatch.run_id.is_(None),
            )
            .order_by(MemberPatch.id)
            .with_for_update(key_share=True)
        )
        await self._write(
            update(MemberPatch)
            .where(MemberPatch.space_id == space_id, MemberPatch.id.in_(waiting))
            .values(run_id=run_id)
        )
        query = (
            select(MemberPatch)
            .where(MemberPatch.space_id == space_id, MemberPatch.run_id == run_id)
            .order_by(MemberPatch.id)
        )
        return await self._all(query)

    async def leave(self, space_id: str, run_id: str) -> None:
        """Release the patches of a run that could not apply them, for the next patch run."""
        await self._write(
            update(MemberPatch)
            .where(MemberPatch.space_id == space_id, MemberPatch.run_id == run_id)
            .values(run_id=None)
        )

    async def move(self, space_id: str, patches: Sequence[int], run_id: str) -> None:
        """Assign patches to another run."""
        await self._write(
            update(MemberPatch)
            .where(MemberPatch.space_id == space_id, MemberPatch.id.in_(patches))
            .values(run_id=run_id)
        )

    async def drop_left(self, space_id: str, audience_id: str, before: datetime) -> None:
        """Delete older patches that failed runs left: a newer whole membership replaces them."""
        await self.session.execute(
            delete(MemberPatch).where(
                MemberPatch.space_id == space_id,
                MemberPatch.audience_id == audience_id,
                MemberPatch.run_id.is_(None),
                MemberPatch.created_at < before,
            )
        )

    async def drop(self, space_id: str, run_id: str) -> None:
        """Delete the patches of a run that has applied them, or that has failed."""
        await self.session.execute(
            delete(MemberPatch).where(
                MemberPatch.space_id == space_id, MemberPatch.run_id == run_id
            )
        )
