"""The audit trail: who changed which resource, from what to what, written in the transaction of the change.

A service gives the fields of its resource before and after the change, named and shown as its ``GET`` shows them. Secrets
are :class:`Hidden`. The differences are kept, not the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, get_args

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.pagination import Page, PageRequest, make_page
from app.domain.differences import Hidden, changes_of
from app.services.tenancy.authenticator import Caller
from app.storage.models import AuditEvent
from app.storage.repositories.audit import AuditRepository, Filter, sort_key
from app.storage.repositories.spaces import SpaceRepository

__all__ = [
    "RESOURCE_TYPES",
    "EventChanges",
    "Filter",
    "Hidden",
    "event_changes",
    "forget_old_events",
    "in_order",
    "page_events",
    "record_change",
    "record_event",
]

KEPT = timedelta(days=90)

ResourceType = Literal[
    "activation",
    "audience",
    "audience-preview",
    "dataset",
    "destination",
    "destination-connection",
    "erasure",
    "space",
    "sync",
    "token",
]
RESOURCE_TYPES: tuple[str, ...] = get_args(ResourceType)
"""The kinds of resources that events are about, by name."""


Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventChanges:
    """What an event changed: ``[{"field": …, "before": …, "after": …}]``, and how many more changes were left out."""

    fields: list[dict[str, Any]]
    omitted: int


class Resource(Protocol):
    """A row of a space that has a name."""

    space_id: str
    id: str
    name: str


async def record_event(
    session: AsyncSession,
    *,
    type: str,
    actor: str,
    resource_type: ResourceType,
    resource_id: str,
    resource_name: str,
    space_id: str | None = None,
    workspace_id: str | None = None,
    before: Fields | None = None,
    after: Fields | None = None,
) -> None:
    """Write an event, at the time of the database, with the differences between the fields ``before`` and ``after``.

    Without either of them the event has no changes. Raises ValueError if neither workspace nor space is given.
    """
    if workspace_id is None:
        if space_id is None:
            raise ValueError("an audit event needs its workspace or its space")
        workspace_id = await SpaceRepository(session).workspace_of(space_id)
    AuditRepository(session).add(
        AuditEvent(
            workspace_id=workspace_id,
            id=new_id("evt"),
            space_id=space_id,
            type=type,
            actor=actor,
            resource_id=resource_id,
            resource_type=resource_type,
            resource_name=resource_name,
            changes=_changes(before, after),
        )
    )


def _changes(before: Fields | None, after: Fields | None) -> dict[str, Any] | None:
    if before is None and after is None:
        return None
    fields, omitted = changes_of(before, after)
    return {"fields": fields, "omitted": omitted}


async def record_change(
    session: AsyncSession,
    resource_type: ResourceType,
    resource: Resource,
    event: str,
    actor: str,
    *,
    before: Fields | None = None,
    after: Fields | None = None,
) -> None:
    """Write the event of a change of a resource of a space, with the differences between its fields ``before`` and ``after``."""
    await record_event(
        session,
        space_id=resource.space_id,
        type=event,
        actor=actor,
        resource_type=resource_type,
        resource_id=resource.id,
        resource_name=resource.name,
        before=before,
        after=after,
    )


def event_changes(event: AuditEvent, caller: Caller) -> EventChanges | None:
    """Return what an event changed; None if it is an event without changes, or if the caller may not read its resource."""
    if event.changes is None or (
        event.resource_type == "token" and "operator" not in caller.scopes
    ):
        return None
    return EventChanges(event.changes["fields"], event.changes["omitted"])


def in_order(wanted: Filter, *, start: str, end: str) -> Filter:
    """Return a filter unchanged. Raises Invalid, at the field ``end``, if it ends before it begins, so that no event fits."""
    if wanted.start is not None and wanted.end is not None and wanted.start >= wanted.end:
        raise Invalid(f'"{end}" must be later than "{start}"; no event is between them', field=end)
    return wanted


async def page_events(
    session: AsyncSession, workspace_id: str, wanted: Filter, request: PageRequest
) -> Page[AuditEvent]:
    """Return a page of the events of a workspace, newest first."""
    position = request.position(width=2)
    found = await AuditRepository(session).walk_found(
        workspace_id, wanted, position, request.count + 1
    )
    return make_page(found, request=request, position=position, key=sort_key)


async def forget_old_events(session: AsyncSession, *, now: datetime) -> int:
    """Remove events that are older than 90 days. Returns their number."""
    return await AuditRepository(session).forget_before(now - KEPT)
