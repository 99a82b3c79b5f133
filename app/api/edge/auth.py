"""Bearer tokens: authentication of a request and the check of its scope."""

from __future__ import annotations

from app.core.errors import Forbidden, Unauthorized
from app.services.tenancy import Authenticator, Caller

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_MAX_TOKEN = 256


def presented(header: str | None) -> str:
    """Return the token of an Authorization header. Raises Unauthorized if it has no bearer token."""
    scheme, _, text = (header or "").partition(" ")
    token = text.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("send Authorization: Bearer <token>", headers=_CHALLENGE)
    return token


async def authenticate(authenticator: Authenticator, header: str | None) -> Caller:
    """Return the caller whose token the header carries.

    Raises Unauthorized if the token is not valid; the message does not say why.
    """
    token = presented(header)
    caller = None
    if len(token) <= _MAX_TOKEN and token.isascii():
        caller = await authenticator.check(token)
    if caller is None:
        raise Unauthorized("the token is not valid", headers=_CHALLENGE)
    return caller


def permit(caller: Caller, scope: str) -> None:
    """Check the scope of a token. Raises Forbidden if the token lacks it."""
    if scope not in caller.scopes:
        raise Forbidden(f"this token lacks the scope {scope}")
