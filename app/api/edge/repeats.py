"""Idempotency-Key on POST: the first answer is kept with its effect, and a repeat gets that very answer."""

from __future__ import annotations

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import clock
from app.services import planning, tenancy
from app.services.platform import Platform
from app.services.tenancy import Caller

_CLAIMED = "activations.claimed"  # in the ASGI scope: the session in which the key is held
_BEGUN = "activations.begun"  # in the ASGI scope: whose key has a row that says that work has begun
HEADER = "idempotency-key"


class Repeated(Exception):
    """The request was answered before; carries that answer."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


async def claim_repeat(request: Request, session: AsyncSession, caller: Caller) -> None:
    """Where a POST names a key: hold it, or raise Repeated with the answer that is kept under it."""
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return
    platform: Platform = request.app.state.platform
    kept = await tenancy.claim_key(
        session,
        keyring=platform.keyring,
        workspace_id=caller.workspace_id,
        key=key,
        request=_name(request),
        body=await request.body(),
        now=clock.now(),
    )
    if kept is not None:
        status, body = kept
        raise Repeated(Response(body, status, headers={"Idempotent-Replayed": "true"}))
    request.scope[_CLAIMED] = (session, caller)


async def begin_repeat(request: Request, caller: Caller) -> None:
    """The same for work that no transaction holds together: that it has begun is committed before it does."""
    platform: Platform = request.app.state.platform
    async with platform.unit_of_work() as session:
        await claim_repeat(request, session, caller)
        if request.scope.pop(_CLAIMED, None) is None:
            return
        await _add(request, session, caller, None)
    request.scope[_BEGUN] = caller


async def release_repeat(request: Request, error: Exception) -> None:
    """The request was refused: what had begun changed nothing, unless the error says that nobody knows."""
    begun: Caller | None = request.scope.get(_BEGUN)
    if begun is None or isinstance(error, planning.Unsettled):
        return
    platform: Platform = request.app.state.platform
    async with platform.unit_of_work() as session:
        await tenancy.release_key(
            session, workspace_id=begun.workspace_id, key=request.headers[HEADER]
        )


async def keep_repeat(request: Request, response: Response) -> None:
    """Put the answer into the transaction that is about to be committed, or to what has begun."""
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
    """A row for the request's key; None: there is no answer yet."""
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
