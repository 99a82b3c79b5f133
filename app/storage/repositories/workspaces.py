"""Workspaces: the tenants of an installation."""

from __future__ import annotations

from sqlalchemy import func, select

from app.storage.models import Workspace
from app.storage.repositories.base import Repository

_FIRST_START = 4_771_003  # key of the advisory lock


class WorkspaceRepository(Repository[Workspace]):
    """Table ``workspace``."""

    model = Workspace
    noun = "workspace"
    key = (Workspace.id,)
    parent = ()

    async def lock_first_start(self) -> None:
        """Wait until no other process is in its first start: two that start at once create one workspace."""
        await self.session.execute(select(func.pg_advisory_xact_lock(_FIRST_START)))

    async def first(self) -> Workspace | None:
        """Read the oldest workspace."""
        return await self._first(select(Workspace).order_by(Workspace.created_at).limit(1))
