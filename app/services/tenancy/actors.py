"""The names of actors: of the tokens that created, changed or approved something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from app.services.tenancy.authenticator import TOKEN_ACTOR
from app.storage.repositories.tokens import TokenRepository


async def actor_names(
    session: AsyncSession, workspace_id: str, actors: Iterable[str | None]
) -> Mapping[str, str]:
    """Return the names of those actors that are tokens of the workspace, valid or not, by actor.

    Example: ``{"public-api-token/0vK3nB7QmX2d": "marketing"}``.
    """
    ids = {
        actor.removeprefix(TOKEN_ACTOR)
        for actor in actors
        if actor and actor.startswith(TOKEN_ACTOR)
    }
    if not ids:
        return {}
    names = await TokenRepository(session).names(workspace_id, ids)
    return {TOKEN_ACTOR + token_id: name for token_id, name in names.items()}
