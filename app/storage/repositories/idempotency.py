"""Responses that are kept under idempotency keys, for repeated requests."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select

from app.storage.models import IdempotencyKey
from app.storage.repositories.base import Repository


class IdempotencyRepository(Repository[IdempotencyKey]):
    """Table ``idempotency_key``."""

    model = IdempotencyKey
    noun = "idempotency key"
    key = (IdempotencyKey.workspace_id, IdempotencyKey.key)
    parent = (IdempotencyKey.workspace_id,)

    async def take(self, workspace_id: str, key: str) -> bool:
        """Lock a key until the transaction ends. Returns False if another transaction has locked it."""
        name = func.hashtextextended(f"idempotency {workspace_id} {key}", 0)
        return bool(await self.session.scalar(select(func.pg_try_advisory_xact_lock(name))))

    async def forget_before(self, moment: datetime) -> int:
        """Delete responses of all workspaces from before ``moment``. Returns their number."""
        forgotten = await self.session.scalars(
            delete(IdempotencyKey)
            .where(IdempotencyKey.created_at < moment)
            .returning(IdempotencyKey.key)
        )
        return len(forgotten.all())
