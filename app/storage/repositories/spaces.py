"""Queries of spaces and workspaces. The workspace is the first argument, save where it is looked up."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict
from app.core.pagination import Position
from app.storage.models import Space


async def workspace_of(pool: asyncpg.Pool[asyncpg.Record], space_id: str) -> str | None:
    """The workspace that a space belongs to; None where there is no such space."""
    found: str | None = await pool.fetchval(
        "SELECT workspace_id FROM space WHERE id = $1", space_id
    )
    return found


class SpaceRepository:
    """The spaces of a workspace."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, workspace_id: str, space_id: str) -> Space | None:
        """One space."""
        found = await self._session.scalars(
            select(Space).where(Space.workspace_id == workspace_id, Space.id == space_id)
        )
        return found.first()

    async def walk(self, workspace_id: str, position: Position, limit: int) -> Sequence[Space]:
        """In the order of making, from a position on; before one, in the opposite order."""
        query = select(Space).where(Space.workspace_id == workspace_id)
        if position.side == "before":
            query = query.where(Space.id < position.key[0]).order_by(Space.id.desc())
        else:
            query = query.order_by(Space.id)
            if position.side == "after":
                query = query.where(Space.id > position.key[0])
        return (await self._session.scalars(query.limit(limit))).all()

    async def count(self, workspace_id: str) -> int:
        """How many there are."""
        query = select(func.count()).where(Space.workspace_id == workspace_id)
        return (await self._session.scalar(query)) or 0

    async def add(self, space: Space) -> None:
        """A new space; Conflict where its slug is taken."""
        self._session.add(space)
        try:
            await self._session.flush()
        except IntegrityError:
            raise Conflict(f"there is a space with the slug {space.slug!r}") from None
