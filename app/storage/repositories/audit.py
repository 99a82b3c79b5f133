"""The audit trail. The workspace is the first argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select

from app.core.pagination import Position
from app.storage.models import AuditEvent
from app.storage.repositories import keyset
from app.storage.repositories.base import Repository
from app.storage.repositories.built import built


@dataclass(frozen=True, slots=True)
class Filter:
    """Filter of events: at or after ``start``, before ``end``, about one resource."""

    start: datetime | None = None
    end: datetime | None = None
    resource_id: str | None = None
    resource_type: str | None = None


def sort_key(event: AuditEvent) -> tuple[str, ...]:
    """Return the key of an event in the trail, for cursors."""
    return (keyset.moment_text(event.timestamp), event.id)


class AuditRepository(Repository[AuditEvent]):
    """Table ``audit_event``. Events are added in the transaction that they describe."""

    model = AuditEvent
    noun = "event"
    key = (AuditEvent.workspace_id, AuditEvent.id)
    parent = (AuditEvent.workspace_id,)

    async def walk_found(
        self, workspace_id: str, wanted: Filter, position: Position, limit: int
    ) -> Sequence[AuditEvent]:
        """Read the events that match a filter, newest first; before a position oldest first."""
        values: tuple[Any, ...] = ()
        if position.side != "start":
            values = (keyset.moment_of(position.key[0]), position.key[1])
        start = Position(position.side)
        query = _found(
            workspace_id,
            wanted.start,
            wanted.end,
            wanted.resource_id,
            wanted.resource_type,
            start,
            limit,
            *values,
        )
        return await self._all(query)

    async def forget_before(self, moment: datetime) -> int:
        """Delete events of all workspaces before ``moment``. Returns their number."""
        forgotten = await self.session.scalars(
            delete(AuditEvent).where(AuditEvent.timestamp < moment).returning(AuditEvent.id)
        )
        return len(forgotten.all())


@built
def _found(
    workspace_id: str,
    begin: datetime | None,
    end: datetime | None,
    resource_id: str | None,
    resource_type: str | None,
    start: Position,
    limit: int,
    *values: Any,
) -> Select[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.workspace_id == workspace_id)
    if begin is not None:
        query = query.where(AuditEvent.timestamp >= begin)
    if end is not None:
        query = query.where(AuditEvent.timestamp < end)
    if resource_id is not None:
        query = query.where(AuditEvent.resource_id == resource_id)
    if resource_type is not None:
        query = query.where(AuditEvent.resource_type == resource_type)
    columns = (AuditEvent.timestamp, AuditEvent.id)
    return keyset.walk(query, columns, values, start, limit=limit, descending=True)
