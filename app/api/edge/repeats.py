"""Idempotency-Key on POST: the first response is stored in the transaction of its effect, and returned to repeats."""

from __future__ import annotations

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import clock
from app.services import planning, tenancy
from app.services.platform import Platform
from app.services.tenancy import Caller

_CLAIMED = (
    "activations.claimed"  # in the ASGI scope: the session that holds the key, and the caller
)
_BEGUN = "activations.begun"  # in the ASGI scope: the caller, if a committed row says that the work has begun
HEADER = "idempotency-key"


class Repeated(Exception):
    """Raised for a repeated request; carries the stored response."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def has_key(request: Request) -> bool:
    """Return whether a request has an idempotency key, which counts for a POST only."""
    return request.method == "POST" and HEADER in request.headers


async def claim_repeat(request: Request, session: AsyncSession, caller: Caller) -> None:
    """Claim the idempotency key of a POST, if it has one. Raises Repeated if a response is stored for the key."""
    if not has_key(request):
        return
    platform: Platform = request.app.state.platform
    kept = await tenancy.claim_key(
        session,
        keyring=platform.keyring,
        workspace_id=caller.workspace_id,
        key=request.headers[HEADER],
        request=_name(request),
        body=await request.body(),
        now=clock.now(),
    )
    if kept is not None:
        status, body = kept
        raise Repeated(Response(body, status, headers={"Idempotent-Replayed": "true"}))
    request.scope[_CLAIMED] = (session, caller)


async def begin_repeat(request: Request, caller: Caller) -> None:
    """Claim the idempotency key of a POST that needs several transactions.

    Commits a row that says that the work has begun, before the work begins.
    """
    platform: Platform = request.app.state.platform
    async with platform.unit_of_work() as session:
        await claim_repeat(request, session, caller)
        if request.scope.pop(_CLAIMED, None) is None:
            return
        await _add(request, session, caller, None)
    request.scope[_BEGUN] = caller


async def release_repeat(request: Request, error: Exception) -> None:
    """Release the key of a request that failed.

    The key is kept after an ``Unsettled`` error: the request may have had an effect.
    """
    begun: Caller | None = request.scope.get(_BEGUN)
    if begun is None or isinstance(error, planning.Unsettled):
        return
    platform: Platform = request.app.state.platform
    async with platform.unit_of_work() as session:
        await tenancy.release_key(
            session, workspace_id=begun.workspace_id, key=request.headers[HEADER]
        )


async def keep_repeat(request: Request, response: Response) -> None:
    """Store the response: in the open transaction, or in the row that says that the work has begun."""
    begun: Caller | None = request.scope.get(_BEGUN)
    if begun is not None:
        await _settle(request, response, begun)
        return
    claimed: tuple[AsyncSession, Caller] | None = request.scope.get(_CLAIMED)
    if claimed is None or response.status_code != 200:
        return
    session, caller = claimed
    await _add(request, session, caller, response)


async def _add(
    request: Request, session: AsyncSession, caller: Caller, response: Response | None
) -> None:
    """Add the row of the request's key. Without a response, the row says that the work has begun."""
    platform: Platform = request.app.state.platform
    tenancy.keep_response(
        session,
        keyring=platform.keyring,
        workspace_id=caller.workspace_id,
        key=request.headers[HEADER],
        request=_name(request),
        body=await request.body(),
        status=response.status_code if response is not None else None,
        response=bytes(response.body) if response is not None else None,
        now=clock.now(),
    )


async def _settle(request: Request, response: Response, caller: Caller) -> None:
    platform: Platform = request.app.state.platform
    async with platform.unit_of_work() as session:
        await tenancy.settle_key(
            session,
            keyring=platform.keyring,
            workspace_id=caller.workspace_id,
            key=request.headers[HEADER],
            status=response.status_code,
            response=bytes(response.body),
        )


def _name(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return f"{request.method} {raw.decode('latin-1')}"
