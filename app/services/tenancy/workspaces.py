"""Workspaces: creating one with its first space and token, and listing them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Keyring
from app.core.ids import new_id
from app.domain.names import require_name
from app.services.tenancy import spaces, tokens
from app.services.tenancy.first_start import Bootstrap
from app.storage.models import Workspace
from app.storage.repositories.workspaces import WorkspaceRepository

ACTOR = "command line"


async def create_workspace(
    session: AsyncSession,
    *,
    keyring: Keyring,
    name: str,
    slug: str | None = None,
    space: str = "Default",
    actor: str = ACTOR,
    now: datetime,
) -> Bootstrap:
    """Create a workspace with a space and a token. Raises Invalid for a blank name or a slug of another form, Conflict for one in use."""
    require_name(name)
    require_name(space, "space")
    workspace = Workspace(id=new_id("ws"), slug=spaces.checked_slug(name, slug), name=name)
    await WorkspaceRepository(session).insert(workspace)
    made = await spaces.create_space(session, workspace_id=workspace.id, name=space, actor=actor)
    _, text = await tokens.create_token(
        session, keyring=keyring, workspace_id=workspace.id, name="created with it", now=now
    )
    return Bootstrap(workspace.id, made.id, text)


async def list_workspaces(session: AsyncSession) -> Sequence[Workspace]:
    """Return all workspaces, oldest first."""
    return await WorkspaceRepository(session).listed()
