"""Bearer tokens: who is asking, and may they."""

from __future__ import annotations

from app.core.errors import Forbidden, Unauthorized
from app.services.tenancy import Authenticator, Caller

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_MAX_TOKEN = 256


def presented(header: str | None) -> str:
    """The token of an Authorization header; Unauthorized where there is none."""
    scheme, _, text = (header or "").partition(" ")
    token = text.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("send Authorization: Bearer <token>", headers=_CHALLENGE)
    return token


async def authenticate(authenticator: Authenticator, header: str | None) -> Caller:
    """The caller behind the header; Unauthorized where it is not valid (which fault it was is not told)."""
    token = presented(header)
    caller = None
    if len(token) <= _MAX_TOKEN and token.isascii():
        caller = await authenticator.check(token)
    if caller is None:
        raise Unauthorized("the token is not valid", headers=_CHALLENGE)
    return caller


def permit(caller: Caller, scope: str) -> None:
    """Forbidden where the token lacks the scope."""
    if scope not in caller.scopes:
        raise Forbidden(f"this token lacks the scope {scope}")
