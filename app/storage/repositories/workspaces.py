"""Workspaces: the tenants of an installation."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from app.core.errors import Conflict
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

    async def listed(self) -> Sequence[Workspace]:
        """Return all workspaces, oldest first."""
        return await self._all(select(Workspace).order_by(Workspace.created_at, Workspace.id))

    async def insert(self, workspace: Workspace) -> None:
        """Insert a workspace. Raises Conflict if its slug is taken."""
        self.add(workspace)
        try:
            await self.session.flush()
        except IntegrityError:
            raise Conflict(f"there is a workspace with the slug {workspace.slug!r}") from None
