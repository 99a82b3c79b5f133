"""The check of presented API tokens (R32)."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from app.core import clock
from app.core.crypto import Keyring
from app.services.tenancy.tokens import SECRET, parse, random_text
from app.storage.repositories.tokens import find_presented

#: Begin of the name of a token in the audit trail, before its id.
TOKEN_ACTOR = "public-api-token/"  # noqa: S105 - not a token
_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request: a valid token and what it may do."""

    token_id: str
    workspace_id: str
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        """The name of the caller in the audit trail."""
        return TOKEN_ACTOR + self.token_id


class Authenticator:
    """Checks presented tokens. Remembers valid ones for a few seconds in this process."""

    def __init__(
        self, pool: asyncpg.Pool[asyncpg.Record], keyring: Keyring, remember: timedelta
    ) -> None:
        self._pool = pool
        self._keyring = keyring
        self._remember = remember.total_seconds()
        self._known: OrderedDict[bytes, tuple[float, Caller, datetime | None]] = OrderedDict()
        self._dummy = keyring.token_hash(random_text(SECRET))

    async def check(self, text: str) -> Caller | None:
        """Return the caller of a valid token, or None."""
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
        # An unknown id is compared too, so that it takes as long as a wrong secret.
        is_right = hmac.compare_digest(
            self._keyring.token_hash(secret), token.secret_hash if token else self._dummy
        )
        if (
            token is None
            or not is_right
            or token.revoked_at is not None
            or _expired(token.expires_at)
        ):
            return None
        return Caller(token.id, token.workspace_id, token.scopes), token.expires_at


def _expired(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at <= clock.now()
