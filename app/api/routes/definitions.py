"""The dependency of routes that save a definition: it is resolved before their transaction begins."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from app.api.edge import CurrentSpace, PlatformDep
from app.services import audiences


async def _resolve_ahead(request: Request, platform: PlatformDep, scene: CurrentSpace) -> None:
    """Resolve the definition of the body, which is not validated yet."""
    body: Any = await request.json()
    definition = body.get("definition") if isinstance(body, dict) else None
    query = definition.get("query") if isinstance(definition, dict) else None
    if isinstance(query, str):
        await audiences.resolve_ahead(platform, scene.space_id, query)


#: Must be the first parameter of a route: dependencies run in their order, and ``SessionDep`` begins the transaction.
ResolvedAhead = Annotated[None, Depends(_resolve_ahead)]
