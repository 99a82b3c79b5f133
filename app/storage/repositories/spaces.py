"""Spaces and workspaces. The workspace is the first argument, except for methods that look it up."""

from __future__ import annotations

from typing import Any

import asyncpg
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from app.core.errors import Conflict
from app.storage.models import Space
from app.storage.repositories.base import Repository
from app.storage.repositories.built import built
from app.storage.session import OWNERS


async def workspace_of(pool: asyncpg.Pool[asyncpg.Record], space_id: str) -> str | None:
    """Return the workspace of a space without the ORM. Returns None if the space does not exist."""
    found: str | None = await pool.fetchval(
        "SELECT workspace_id FROM space WHERE id = $1", space_id
    )
    return found


class SpaceRepository(Repository[Space]):
    """Table ``space``."""

    model = Space
    noun = "space"
    key = (Space.workspace_id, Space.id)
    parent = (Space.workspace_id,)

    async def workspace_of(self, space_id: str) -> str:
        """Return the workspace of a space, which must exist, and never changes its workspace."""
        known: dict[str, str] = self.session.info.get(OWNERS, {})
        if space_id not in known:
            known[space_id] = (await self._rows(_workspace_of(space_id)))[0][0]
        return known[space_id]

    async def absent_words(self, space_id: str) -> frozenset[str]:
        """Return a space's own words for "no value", in lower case."""
        return frozenset(await self._value(_absent_words(space_id)) or ())

    async def first(self, workspace_id: str) -> Space | None:
        """Read the oldest space of a workspace."""
        query = select(Space).where(Space.workspace_id == workspace_id)
        return await self._first(query.order_by(Space.created_at).limit(1))

    async def lock(self, space_id: str) -> None:
        """Lock the row of a space (FOR NO KEY UPDATE)."""
        await self._first(_id_of(space_id), "update")

    async def insert(self, space: Space) -> None:
        """Insert a space. Raises Conflict if its slug is taken."""
        self.add(space)
        try:
            await self.session.flush()
        except IntegrityError:
            raise Conflict(f"there is a space with the slug {space.slug!r}") from None


@built
def _workspace_of(space_id: str) -> Select[str]:
    return select(Space.workspace_id).where(Space.id == space_id)


@built
def _absent_words(space_id: str) -> Select[Any]:
    return select(Space.absent_words).where(Space.id == space_id)


@built
def _id_of(space_id: str) -> Select[str]:
    return select(Space.id).where(Space.id == space_id)
