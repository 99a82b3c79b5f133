"""API tokens. The workspace is the first argument, except for the check of a presented token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from sqlalchemy import func, or_, select, update

from app.storage.models import ApiToken
from app.storage.repositories.base import Repository


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
    """Read a token by the id in its text, and write the time of its use, at most once a minute."""
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


class TokenRepository(Repository[ApiToken]):
    """Table ``api_token``."""

    model = ApiToken
    noun = "token"
    key = (ApiToken.workspace_id, ApiToken.id)
    parent = (ApiToken.workspace_id,)

    async def listed(self, workspace_id: str) -> Sequence[ApiToken]:
        """Read all tokens, revoked ones included, oldest first."""
        query = select(ApiToken).where(ApiToken.workspace_id == workspace_id)
        return await self._all(query.order_by(ApiToken.created_at, ApiToken.id))

    async def valid(self, workspace_id: str, now: datetime, most: int) -> Sequence[ApiToken]:
        """Read up to ``most`` tokens that are neither revoked nor expired, newest first."""
        query = (
            select(ApiToken)
            .where(
                ApiToken.workspace_id == workspace_id,
                ApiToken.revoked_at.is_(None),
                or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now),
            )
            .order_by(ApiToken.created_at.desc(), ApiToken.id)
            .limit(most)
        )
        return await self._all(query)

    async def names(self, workspace_id: str, ids: Iterable[str]) -> Mapping[str, str]:
        """Return the names of tokens by id, revoked and expired ones included."""
        rows = await self._rows(
            select(ApiToken.id, ApiToken.name).where(
                ApiToken.workspace_id == workspace_id, ApiToken.id.in_(ids)
            )
        )
        return {row.id: row.name for row in rows}

    async def count_all(self) -> int:
        """Return the number of tokens of all workspaces."""
        return await self._number(select(func.count()).select_from(ApiToken))

    async def revoke(self, workspace_id: str, token_id: str, now: datetime) -> bool:
        """Revoke a token. Returns False if it does not exist or was revoked before."""
        revoked = await self.session.scalar(
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

    async def convert(
        self,
        token_id: str,
        presented: bytes,
        *,
        scopes: tuple[list[str], list[str]],
        now: datetime,
        **values: object,
    ) -> str | None:
        """Give a valid token other scopes, ``(before, after)``, and other values, if its secret has the hash ``presented``.

        Returns the workspace of the token. Returns None if there is no such token, for example because it was converted before.
        """
        before, after = scopes
        converted: str | None = await self.session.scalar(
            update(ApiToken)
            .where(
                ApiToken.id == token_id,
                ApiToken.secret_hash == presented,
                ApiToken.scopes == before,
                ApiToken.revoked_at.is_(None),
                ApiToken.expires_at > now,
            )
            .values(scopes=after, **values)
            .returning(ApiToken.workspace_id)
        )
        return converted
