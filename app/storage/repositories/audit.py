"""Queries of the audit trail. The workspace is the first argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import Position
from app.storage.models import AuditEvent, Space
from app.storage.repositories import keyset


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: made at or after ``start``, before ``end``, of this resource."""

    start: datetime | None = None
    end: datetime | None = None
    resource_id: str | None = None
    resource_type: str | None = None


def sort_key(event: AuditEvent) -> tuple[str, ...]:
    """Where an event stands in the trail."""
    return (keyset.moment_text(event.timestamp), event.id)


class AuditRepository:
    """The trail of a workspace."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def workspace_of(self, space_id: str) -> str:
        """The workspace of a space that exists."""
        query = select(Space.workspace_id).where(Space.id == space_id)
        return (await self._session.execute(query)).scalar_one()

    def add(self, event: AuditEvent) -> None:
        """Write an event, with what it tells of."""
        self._session.add(event)

    async def walk(
        self, workspace_id: str, wanted: Filter, position: Position, limit: int
    ) -> Sequence[AuditEvent]:
        """Newest first, from a position on; before one, oldest first."""
        values: tuple[Any, ...] = ()
        if position.side != "start":
            values = (keyset.moment_of(position.key[0]), position.key[1])
        query = keyset.walk(
            _filtered(workspace_id, wanted),
            (AuditEvent.timestamp, AuditEvent.id),
            values,
            position,
            limit=limit,
            descending=True,
        )
        return (await self._session.scalars(query)).all()

    async def forget_before(self, moment: datetime) -> int:
        """Remove those of all workspaces that are older; how many they were."""
        forgotten = await self._session.scalars(
            delete(AuditEvent).where(AuditEvent.timestamp < moment).returning(AuditEvent.id)
        )
        return len(forgotten.all())


def _filtered(workspace_id: str, wanted: Filter) -> Select[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.workspace_id == workspace_id)
    if wanted.start is not None:
        query = query.where(AuditEvent.timestamp >= wanted.start)
    if wanted.end is not None:
        query = query.where(AuditEvent.timestamp < wanted.end)
    if wanted.resource_id is not None:
        query = query.where(AuditEvent.resource_id == wanted.resource_id)
    if wanted.resource_type is not None:
        query = query.where(AuditEvent.resource_type == wanted.resource_type)
    return query
