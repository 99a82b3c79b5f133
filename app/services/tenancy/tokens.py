"""API tokens: creating, listing, revoking and parsing them (R32).

A token has the form ``aact_<live|test>_<id, 12><secret, 43><checksum, 6>`` with an underscore after the id, all in base 62.
The secret has 256 random bits; only its HMAC under the pepper is stored, and it is shown once. With the checksum, secret
scanners and this service recognise a mistyped token without a query.
"""

from __future__ import annotations

import hmac
import secrets
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Keyring
from app.core.errors import Invalid, NotFound
from app.domain.names import require_name
from app.storage.models import ApiToken
from app.storage.repositories.tokens import TokenRepository

#: What a token may permit. ``operator`` is for the installation: its workers, tokens, workspaces and encryption keys.
SCOPES = ("read", "write", "operator")
DEFAULT_SCOPES = ("read", "write")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID, SECRET, _CHECKSUM = 12, 43, 6  # characters


def random_text(length: int) -> str:
    """Return random characters in base 62."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = []
    for _ in range(_CHECKSUM):
        number, rest = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


def parse(text: str) -> tuple[str, str] | None:
    """Return id and secret of a well-formed token, or None for any other text."""
    head, _, rest = text.rpartition("_")
    prefix, _, token_id = head.rpartition("_")
    if prefix not in ("aact_live", "aact_test") or len(token_id) != ID:
        return None
    if len(rest) != SECRET + _CHECKSUM or not text.isascii():
        return None
    body = text[:-_CHECKSUM]
    if not hmac.compare_digest(_checksum(body), text[-_CHECKSUM:]):
        return None
    return token_id, rest[:SECRET]


async def create_token(
    session: AsyncSession,
    *,
    keyring: Keyring,
    workspace_id: str,
    name: str,
    scopes: Iterable[str] = DEFAULT_SCOPES,
    environment: Literal["live", "test"] = "live",
    expires_at: datetime | None = None,
    now: datetime,
) -> tuple[ApiToken, str]:
    """Create a token. Returns its row and its text, which is not stored. Raises Invalid if the name is blank or a scope is unknown."""
    require_name(name)
    return write_token(
        session,
        keyring=keyring,
        workspace_id=workspace_id,
        name=name,
        scopes=_checked(scopes),
        environment=environment,
        expires_at=expires_at,
        now=now,
    )


def write_token(
    session: AsyncSession,
    *,
    keyring: Keyring,
    workspace_id: str,
    name: str,
    scopes: list[str],
    environment: str,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[ApiToken, str]:
    """Add the row of a token with these scopes, whatever they are. Returns the row and the text of the token."""
    secret = random_text(SECRET)
    token_id = random_text(ID)
    body = f"aact_{environment}_{token_id}_{secret}"
    token = ApiToken(
        id=token_id,
        workspace_id=workspace_id,
        name=name,
        secret_hash=keyring.token_hash(secret),
        scopes=scopes,
        created_at=now,
        expires_at=expires_at,
    )
    TokenRepository(session).add(token)
    return token, body + _checksum(body)


def _checked(scopes: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise Invalid(f"a token's scopes are {', '.join(SCOPES)}", field="scopes")
    return wanted


async def list_tokens(session: AsyncSession, workspace_id: str) -> Sequence[ApiToken]:
    """Return all tokens of a workspace, oldest first."""
    return await TokenRepository(session).listed(workspace_id)


async def revoke_token(
    session: AsyncSession, workspace_id: str, token_id: str, *, now: datetime
) -> None:
    """Revoke a token; other processes notice when they stop remembering it. Raises NotFound if none is valid."""
    if not await TokenRepository(session).revoke(workspace_id, token_id, now):
        raise NotFound.of("valid token", token_id)
