"""Routes of tokens. They need the scope ``operator``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from app.api.edge import (
    ApiRoute,
    CurrentToken,
    PlatformDep,
    SessionDep,
    answer,
    described,
    path_id,
)
from app.api.extensions.operations import OPERATOR
from app.contract.extensions import tokens as contract
from app.contract.extensions.base import REMOVED, RemovalOutput
from app.core import clock
from app.services import tenancy

router = APIRouter(route_class=ApiRoute)

TokenId = Annotated[str, path_id("tokenId", "the token", "0vK3nB7QmX2d")]


@router.get(
    "/tokens",
    **described(
        "listTokens",
        output=contract.TokensData,
        summary="List tokens",
        scope=OPERATOR,
        tag="Tokens",
    ),
)
async def list_tokens(session: SessionDep, caller: CurrentToken) -> Response:
    """List the valid tokens of the token's workspace, without their secrets. Needs the scope `operator`."""
    found = await tenancy.valid_tokens(session, caller.workspace_id, clock.now())
    return answer(contract.TokensData(tokens=[_wire(token) for token in found]))


@router.post(
    "/tokens",
    **described(
        "createToken",
        output=contract.IssuedTokenData,
        summary="Create a token",
        errors=(409, 422),
        has_body=True,
        request_examples={"read": {"name": "marketing", "scopes": ["read"], "days": 90}},
        scope=OPERATOR,
        tag="Tokens",
    ),
)
async def create_token(
    platform: PlatformDep,
    session: SessionDep,
    caller: CurrentToken,
    body: contract.CreateTokenInput,
) -> Response:
    """Create a token of the token's workspace. Its text is returned once. Needs the scope `operator`."""
    issued = await tenancy.issue_token(
        session,
        platform.keyring,
        caller.workspace_id,
        name=body.name,
        scopes=["read", "write"] if body.scopes is None else body.scopes,
        days=body.days,
        actor=caller.actor,
        now=clock.now(),
    )
    return _issued(issued)


@router.post(
    "/tokens/{tokenId}/renew",
    **described(
        "renewToken",
        output=contract.IssuedTokenData,
        summary="Replace a token",
        errors=(404, 409, 422),
        scope=OPERATOR,
        tag="Tokens",
    ),
)
async def renew_token(
    platform: PlatformDep, session: SessionDep, caller: CurrentToken, token_id: TokenId
) -> Response:
    """Replace a token by one with the same name, scopes and expiry. The old one is revoked at once. Needs the scope `operator`."""
    issued = await tenancy.renew_token(
        session,
        platform.keyring,
        caller.workspace_id,
        token_id,
        actor=caller.actor,
        now=clock.now(),
    )
    return _issued(issued)


@router.delete(
    "/tokens/{tokenId}",
    **described(
        "revokeToken",
        output=RemovalOutput,
        summary="Revoke a token",
        errors=(404, 422),
        scope=OPERATOR,
        tag="Tokens",
    ),
)
async def revoke_token(session: SessionDep, caller: CurrentToken, token_id: TokenId) -> Response:
    """Revoke a token. It is refused within 5 seconds. Needs the scope `operator`."""
    await tenancy.withdraw_token(
        session, caller.workspace_id, token_id, actor=caller.actor, now=clock.now()
    )
    return answer(REMOVED)


def _issued(issued: tenancy.IssuedToken) -> Response:
    return answer(contract.IssuedTokenData(token=_wire(issued.token), text=issued.text))


def _wire(token: Any) -> contract.TokenOutput:
    return contract.TokenOutput(
        id=token.id,
        name=token.name,
        scopes=list(token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )
