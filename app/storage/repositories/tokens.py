"""Queries of API tokens. The workspace is the first argument, save where a token is looked up to learn it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import ApiToken


@dataclass(frozen=True, slots=True)
class KnownToken:
    """What a check of a presented token needs."""

    id: str
    workspace_id: str
    secret_hash: bytes
    scopes: frozenset[str]
    expires_at: datetime | None
    revoked_at: datetime | None


_FIND = """
SELECT id, workspace_id, secret_hash, scopes, expires_at, revoked_at,
       last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute' AS stale
FROM api_token WHERE id = $1
"""
_USED = "UPDATE api_token SET last_used_at = clock_timestamp() WHERE id = $1"


async def find_presented(pool: asyncpg.Pool[asyncpg.Record], token_id: str) -> KnownToken | None:
    """A token by the id that stands in it; notes, to the minute, that it was used."""
    row = await pool.fetchrow(_FIND, token_id)
    if row is None:
        return None
    if row["stale"]:
        await pool.execute(_USED, token_id)
    return KnownToken(
        row["id"],
        row["workspace_id"],
        row["secret_hash"],
        frozenset(row["scopes"]),
        row["expires_at"],
        row["revoked_at"],
    )


class TokenRepository:
    """The tokens of a workspace."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, token: ApiToken) -> None:
        """Keep a new token."""
        self._session.add(token)

    async def listed(self, workspace_id: str) -> Sequence[ApiToken]:
        """All tokens, revoked ones too, in the order of making."""
        found = await self._session.scalars(
            select(ApiToken)
            .where(ApiToken.workspace_id == workspace_id)
            .order_by(ApiToken.created_at, ApiToken.id)
        )
        return found.all()

    async def revoke(self, workspace_id: str, token_id: str, now: datetime) -> bool:
        """End a token; whether there was one that was still valid."""
        revoked = await self._session.scalar(
            update(ApiToken)
            .where(
                ApiToken.workspace_id == workspace_id,
                ApiToken.id == token_id,
                ApiToken.revoked_at.is_(None),
            )
            .values(revoked_at=now)
            .returning(ApiToken.id)
        )
        return revoked is not None
