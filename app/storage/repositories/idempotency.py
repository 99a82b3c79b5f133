"""Queries of the answers that are kept for repeated requests."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import IdempotencyKey


class IdempotencyRepository:
    """The keys of a workspace."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def take(self, workspace_id: str, key: str) -> bool:
        """Hold the key until the transaction ends; False while another transaction holds it."""
        name = func.hashtextextended(f"idempotency {workspace_id} {key}", 0)
        return bool(await self._session.scalar(select(func.pg_try_advisory_xact_lock(name))))

    async def get(self, workspace_id: str, key: str) -> IdempotencyKey | None:
        """What was kept under a key."""
        return await self._session.get(IdempotencyKey, (workspace_id, key))

    def add(self, kept: IdempotencyKey) -> None:
        """Keep an answer."""
        self._session.add(kept)

    async def remove(self, kept: IdempotencyKey) -> None:
        """Forget one."""
        await self._session.delete(kept)
        await self._session.flush()

    async def forget_before(self, moment: datetime) -> int:
        """Forget those of all workspaces that are older; how many they were."""
        forgotten = await self._session.scalars(
            delete(IdempotencyKey)
            .where(IdempotencyKey.created_at < moment)
            .returning(IdempotencyKey.key)
        )
        return len(forgotten.all())
