"""What a path names: the audience, the activation of that audience; NotFound otherwise."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict, NotFound
from app.storage.models import Activation, Audience
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository


async def audience_of(session: AsyncSession, space_id: str, audience_id: str) -> Audience:
    """An audience of a space."""
    audience = await RunRepository(session).audience(space_id, audience_id)
    if audience is None:
        raise NotFound("audience not found")
    return audience


async def activation_of(
    session: AsyncSession,
    space_id: str,
    audience_id: str,
    activation_id: str,
    *,
    lock: bool = False,
) -> Activation:
    """A living activation of an audience, locked for an update where asked."""
    activation = await SyncRepository(session).activation(space_id, activation_id, lock=lock)
    if (
        activation is None
        or activation.audience_id != audience_id
        or activation.deleted_at is not None
    ):
        raise NotFound("activation not found")
    return activation


async def pinned_to(
    session: AsyncSession, space_id: str, audience_id: str, snapshot_id: str
) -> Audience:
    """The audience, if it is pinned to this snapshot; Conflict otherwise."""
    audience = await audience_of(session, space_id, audience_id)
    if audience.pinned_snapshot_id != snapshot_id:
        raise Conflict("The audience is not pinned to this snapshot.")
    return audience
