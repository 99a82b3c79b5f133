"""Sign-in to the console: a signed session of a token, and one-time links that the machine's owner prints (R32).

A session is ``1.<token id>.<nonce>.<end, seconds>.<signature>``. It names a token and contains no secret: the token is read for each
page, so that a revoked one ends its sessions. A sign-out ends one session, also in browsers that have a copy of its cookie. A link is a token that permits nothing. When it is used, it becomes the token of the new
session: it gets another secret, which nobody knows, and the scopes.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Keyring
from app.core.errors import Forbidden, Unauthorized
from app.services.tenancy.authenticator import Caller
from app.services.tenancy.tokens import SCOPES, SECRET, parse, random_text, write_token
from app.storage.repositories.console_sign_outs import ConsoleSignOutRepository, is_signed_out
from app.storage.repositories.tokens import KnownToken, TokenRepository, find_presented

LONGEST_SESSION = timedelta(days=30)
LINK_LIFE = timedelta(minutes=15)
LINK_SESSION = timedelta(hours=12)
LINK_SCOPE = "console-link"
_VERSION = "1"
_PURPOSE = "console session"


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """A signed-in visitor. ``text`` is the value of the cookie, which is valid until ``ends_at``."""

    caller: Caller
    nonce: str
    ends_at: datetime
    text: str


async def open_console(
    pool: asyncpg.Pool[asyncpg.Record], keyring: Keyring, caller: Caller, now: datetime
) -> ConsoleSession:
    """Open a session for the caller of a valid token. It ends with its token, at the latest after 30 days.

    Raises Unauthorized if the token has ended, Forbidden if it may not read.
    """
    token = _valid(await find_presented(pool, caller.token_id), now)
    if token is None:
        raise Unauthorized("The token is not valid.")
    if "read" not in token.scopes:
        raise Forbidden("This token lacks the scope read, which every page of the console needs.")
    ends = min(now + LONGEST_SESSION, token.expires_at or now + LONGEST_SESSION)
    return _signed(keyring, token, secrets.token_urlsafe(12), ends)


async def read_console(
    pool: asyncpg.Pool[asyncpg.Record], keyring: Keyring, text: str, now: datetime
) -> ConsoleSession | None:
    """Return the session of a cookie. Returns None if the cookie is not genuine, or if its token has ended."""
    parts = text.split(".")
    if len(parts) != 5 or parts[0] != _VERSION or not text.isascii():
        return None
    _, token_id, nonce, end, signature = parts
    right = _signature(keyring, token_id, nonce, end)
    if not hmac.compare_digest(signature, right) or int(end) <= now.timestamp():
        return None
    token = _valid(await find_presented(pool, token_id), now)
    if token is None or await is_signed_out(pool, nonce):
        return None
    return _signed(keyring, token, nonce, datetime.fromtimestamp(int(end), UTC))


async def end_console(session: AsyncSession, ended: ConsoleSession) -> None:
    """End a session: its cookie is not accepted any more."""
    await ConsoleSignOutRepository(session).end(ended.nonce, ended.ends_at)


async def forget_ended_sessions(session: AsyncSession, *, now: datetime) -> int:
    """Forget sign-outs of sessions whose time is over. Returns their number."""
    return await ConsoleSignOutRepository(session).forget_before(now)


async def create_console_link(
    session: AsyncSession, *, keyring: Keyring, workspace_id: str, now: datetime
) -> str:
    """Create a link of 15 minutes. Returns its text, with which :func:`use_console_link` opens one session."""
    _, text = write_token(
        session,
        keyring=keyring,
        workspace_id=workspace_id,
        name="Console link",
        scopes=[LINK_SCOPE],
        environment="live",
        expires_at=now + LINK_LIFE,
        now=now,
    )
    return text


async def use_console_link(
    session: AsyncSession, *, keyring: Keyring, text: str, now: datetime
) -> Caller:
    """Turn a link into a token with all scopes, of 12 hours. Raises Unauthorized if the link was used or has ended."""
    token_id, secret = parse(text) or ("", "")
    workspace_id = await TokenRepository(session).convert(
        token_id,
        keyring.token_hash(secret),
        scopes=([LINK_SCOPE], list(SCOPES)),
        secret_hash=keyring.token_hash(random_text(SECRET)),
        name="Console",
        expires_at=now + LINK_SESSION,
        now=now,
    )
    if workspace_id is None:
        raise Unauthorized(
            "This link was used before, or it is older than 15 minutes. Print another one with `activations console`."
        )
    return Caller(token_id, workspace_id, frozenset(SCOPES))


def _valid(token: KnownToken | None, now: datetime) -> KnownToken | None:
    if token is None or token.revoked_at is not None:
        return None
    return None if token.expires_at is not None and token.expires_at <= now else token


def _signed(keyring: Keyring, token: KnownToken, nonce: str, ends: datetime) -> ConsoleSession:
    end = str(int(ends.timestamp()))
    signature = _signature(keyring, token.id, nonce, end)
    text = ".".join((_VERSION, token.id, nonce, end, signature))
    return ConsoleSession(Caller(token.id, token.workspace_id, token.scopes), nonce, ends, text)


def _signature(keyring: Keyring, *parts: str) -> str:
    return base64.urlsafe_b64encode(keyring.sign(_PURPOSE, ".".join(parts).encode())).decode()
