"""The audit trail: who did what to which thing, written in the transaction that did it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.core.pagination import Page, PageRequest, make_page
from app.storage.models import AuditEvent
from app.storage.repositories.audit import AuditRepository, Filter, sort_key
from app.storage.repositories.spaces import SpaceRepository

__all__ = ["Filter", "forget_old_events", "page_events", "record_event"]

KEPT = timedelta(days=90)


async def record_event(
    session: AsyncSession,
    *,
    type: str,
    actor: str,
    resource_type: str,
    resource_id: str,
    resource_name: str,
    space_id: str | None = None,
    workspace_id: str | None = None,
) -> None:
    """Write an event. The workspace may be left out where the space is given; the moment is the database's."""
    repository = AuditRepository(session)
    if workspace_id is None:
        if space_id is None:
            raise ValueError("an audit event needs its workspace or its space")
        workspace_id = await SpaceRepository(session).workspace_of(space_id)
    repository.add(
        AuditEvent(
            workspace_id=workspace_id,
            id=new_id("evt"),
            space_id=space_id,
            type=type,
            actor=actor,
            resource_id=resource_id,
            resource_type=resource_type,
            resource_name=resource_name,
        )
    )


async def page_events(
    session: AsyncSession, workspace_id: str, wanted: Filter, request: PageRequest
) -> Page[AuditEvent]:
    """Events of a workspace, newest first."""
    position = request.position(width=2)
    found = await AuditRepository(session).walk_found(
        workspace_id, wanted, position, request.count + 1
    )
    return make_page(found, request=request, position=position, key=sort_key)


async def forget_old_events(session: AsyncSession, *, now: datetime) -> int:
    """Remove events past their 90 days; how many they were."""
    return await AuditRepository(session).forget_before(now - KEPT)
