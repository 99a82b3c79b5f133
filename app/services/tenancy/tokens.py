"""API tokens: made, listed, revoked, and checked when presented (R32).

A token reads ``aact_<live|test>_<id, 12><secret, 43><checksum, 6>`` with an underscore after the id, all in base 62.
The secret carries 256 random bits; only its HMAC under the pepper is kept, and it is shown once. The checksum lets
secret scanners, and us, tell a mistyped token without a look into the database.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import clock
from app.core.crypto import Keyring
from app.core.errors import Invalid, NotFound
from app.storage.models import ApiToken
from app.storage.repositories.tokens import TokenRepository, find_presented

SCOPES = ("read", "write")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID, _SECRET, _CHECKSUM = 12, 43, 6
_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: a valid token and what it may do."""

    token_id: str
    workspace_id: str
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        """How the audit trail names it."""
        return f"public-api-token/{self.token_id}"


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = []
    for _ in range(_CHECKSUM):
        number, rest = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


def parse(text: str) -> tuple[str, str] | None:
    """The id and secret of a well-formed token, None for anything else."""
    head, _, rest = text.rpartition("_")
    prefix, _, token_id = head.rpartition("_")
    if prefix not in ("aact_live", "aact_test") or len(token_id) != _ID:
        return None
    if len(rest) != _SECRET + _CHECKSUM or not text.isascii():
        return None
    body = text[:-_CHECKSUM]
    if not hmac.compare_digest(_checksum(body), text[-_CHECKSUM:]):
        return None
    return token_id, rest[:_SECRET]


async def create_token(
    session: AsyncSession,
    *,
    keyring: Keyring,
    workspace_id: str,
    name: str,
    scopes: Iterable[str] = SCOPES,
    environment: Literal["live", "test"] = "live",
    expires_at: datetime | None = None,
    now: datetime,
) -> tuple[ApiToken, str]:
    """Make a token; answers its row and its text, which nobody can read again. Invalid: an unknown scope."""
    wanted = list(dict.fromkeys(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise Invalid(f"a token's scopes are {', '.join(SCOPES)}", field="scopes")
    secret = _random_text(_SECRET)
    token_id = _random_text(_ID)
    body = f"aact_{environment}_{token_id}_{secret}"
    token = ApiToken(
        id=token_id,
        workspace_id=workspace_id,
        name=name,
        secret_hash=keyring.token_hash(secret),
        scopes=wanted,
        created_at=now,
        expires_at=expires_at,
    )
    TokenRepository(session).add(token)
    return token, body + _checksum(body)


async def list_tokens(session: AsyncSession, workspace_id: str) -> Sequence[ApiToken]:
    """All tokens of a workspace, in the order of making."""
    return await TokenRepository(session).listed(workspace_id)


async def revoke_token(
    session: AsyncSession, workspace_id: str, token_id: str, *, now: datetime
) -> None:
    """End a token at once (elsewhere within the time that valid tokens are remembered). NotFound: no valid one."""
    if not await TokenRepository(session).revoke(workspace_id, token_id, now):
        raise NotFound("token not found")


class Authenticator:
    """Checks presented tokens, remembering valid ones for a few seconds in this process."""

    def __init__(
        self, pool: asyncpg.Pool[asyncpg.Record], keyring: Keyring, remember: timedelta
    ) -> None:
        self._pool = pool
        self._keyring = keyring
        self._remember = remember.total_seconds()
        self._known: OrderedDict[bytes, tuple[float, Caller, datetime | None]] = OrderedDict()
        self._dummy = keyring.token_hash(_random_text(_SECRET))

    async def check(self, text: str) -> Caller | None:
        """Whose valid token this is, or None."""
        fingerprint = hashlib.sha256(text.encode()).digest()
        known = self._known.get(fingerprint)
        if known is not None:
            until, caller, expires_at = known
            if time.monotonic() < until and not _expired(expires_at):
                return caller
            del self._known[fingerprint]
        found = await self._look_up(text)
        if found is None:
            return None
        caller, expires_at = found
        self._known[fingerprint] = (time.monotonic() + self._remember, caller, expires_at)
        if len(self._known) > _CACHED:
            self._known.popitem(last=False)
        return caller

    async def _look_up(self, text: str) -> tuple[Caller, datetime | None] | None:
        parsed = parse(text)
        token_id, secret = parsed or ("", "")
        token = await find_presented(self._pool, token_id) if parsed else None
        # Compared even where there is nothing to compare with, so that an unknown id costs what a wrong secret does.
        right = hmac.compare_digest(
            self._keyring.token_hash(secret), token.secret_hash if token else self._dummy
        )
        if token is None or not right or token.revoked_at is not None or _expired(token.expires_at):
            return None
        return Caller(token.id, token.workspace_id, token.scopes), token.expires_at


def _expired(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at <= clock.now()
