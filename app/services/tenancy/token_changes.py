"""Changes of tokens by operators, each with its event in the audit trail. The text of a token is shown once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import to_wire
from app.core.crypto import Keyring
from app.core.errors import Invalid
from app.services.tenancy import audit, tokens
from app.storage.models import ApiToken
from app.storage.repositories.tokens import TokenRepository

MOST = 200
LONGEST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token, and its text, which cannot be read again."""

    token: ApiToken
    text: str


async def valid_tokens(
    session: AsyncSession, workspace_id: str, now: datetime
) -> Sequence[ApiToken]:
    """Return up to 200 tokens of a workspace that are neither revoked nor expired, newest first."""
    return await TokenRepository(session).valid(workspace_id, now, MOST)


async def issue_token(
    session: AsyncSession,
    keyring: Keyring,
    workspace_id: str,
    *,
    name: str,
    scopes: Sequence[str],
    days: int | None,
    actor: str,
    now: datetime,
) -> IssuedToken:
    """Create a token that expires after ``days``, or never. Raises Invalid for a blank name, unknown scopes or other days."""
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise Invalid(f'"days": must be from 1 to {LONGEST_DAYS}', field="days")
    return await _issue(
        session,
        keyring,
        workspace_id,
        name=name.strip(),
        scopes=scopes,
        expires_at=now + timedelta(days=days) if days else None,
        actor=actor,
        now=now,
    )


async def renew_token(
    session: AsyncSession,
    keyring: Keyring,
    workspace_id: str,
    token_id: str,
    *,
    actor: str,
    now: datetime,
) -> IssuedToken:
    """Replace a token by one with the same name, scopes and expiry, and revoke it. Raises NotFound if it is not valid."""
    old = await withdraw_token(session, workspace_id, token_id, actor=actor, now=now)
    return await _issue(
        session,
        keyring,
        workspace_id,
        name=old.name,
        scopes=old.scopes,
        expires_at=old.expires_at,
        actor=actor,
        now=now,
    )


async def withdraw_token(
    session: AsyncSession, workspace_id: str, token_id: str, *, actor: str, now: datetime
) -> ApiToken:
    """Revoke a token; other processes notice within seconds. Raises NotFound if it is not valid."""
    await tokens.revoke_token(session, workspace_id, token_id, now=now)
    token = await TokenRepository(session).require(workspace_id, token_id)
    await _record(session, token, "Token Revoked", actor, before=_fields(token))
    return token


async def _issue(
    session: AsyncSession,
    keyring: Keyring,
    workspace_id: str,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    actor: str,
    now: datetime,
) -> IssuedToken:
    token, text = await tokens.create_token(
        session,
        keyring=keyring,
        workspace_id=workspace_id,
        name=name,
        scopes=scopes,
        expires_at=expires_at,
        now=now,
    )
    await _record(session, token, "Token Created", actor, after=_fields(token))
    return IssuedToken(token, text)


def _fields(token: ApiToken) -> dict[str, Any]:
    """Return the fields of a token for the audit trail: never its text."""
    expires_at = to_wire(token.expires_at) if token.expires_at else None
    return {"name": token.name, "scopes": list(token.scopes), "expiresAt": expires_at}


async def _record(
    session: AsyncSession,
    token: ApiToken,
    event: str,
    actor: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    await audit.record_event(
        session,
        workspace_id=token.workspace_id,
        type=event,
        actor=actor,
        resource_type="token",
        resource_id=token.id,
        resource_name=token.name,
        before=before,
        after=after,
    )
