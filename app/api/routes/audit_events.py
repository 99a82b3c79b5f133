"""The route of the audit trail."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    ALL_VERSIONS,
    PAGINATION,
    ApiRoute,
    CurrentToken,
    PageDep,
    SessionDep,
    answer,
    described,
    pagination,
    query_text,
    read_text,
)
from app.api.routes.audiences import read_moment
from app.contract import audit_events as contract
from app.core.clock import to_wire
from app.services import tenancy

router = APIRouter(route_class=ApiRoute)

FILTERS = (
    query_text(
        "startTime", "Only events at or after this time (RFC 3339).", "2026-01-01T00:00:00Z"
    ),
    query_text("endTime", "Only events before this time (RFC 3339).", "2026-02-01T00:00:00Z"),
    query_text(
        "resourceId", "Only events of the resource with this id.", "act_0vK3mS5VgJ9bM2rP8iUwLt"
    ),
    query_text("resourceType", "Only events of resources of this type.", "activation"),
)


@router.get(
    "/audit-events",
    **described(
        "listAuditEvents",
        output=contract.ListAuditEventsV1Output,
        summary="List audit events",
        errors=(422,),
        parameters=(*FILTERS, PAGINATION),
        versions=ALL_VERSIONS,
        view="segment",
        tag="Audit trail",
    ),
)
async def list_audit_events(
    request: Request, session: SessionDep, caller: CurrentToken, page: PageDep
) -> Response:
    """List the events of the token's workspace, newest first."""
    found = await tenancy.page_events(session, caller.workspace_id, wanted_events(request), page)
    return answer(
        {
            "events": [event_to_wire(event) for event in found.entries],
            "pagination": pagination(found).to_wire(),
        }
    )


def wanted_events(request: Request) -> tenancy.Filter:
    """Return the filter in the query of a request. Raises Invalid for a time that is not one."""
    return tenancy.Filter(
        start=read_moment(read_text(request, "startTime"), "startTime"),
        end=read_moment(read_text(request, "endTime"), "endTime"),
        resource_id=read_text(request, "resourceId"),
        resource_type=read_text(request, "resourceType"),
    )


def event_to_wire(event: Any) -> dict[str, Any]:
    """Return the properties of ``AuditEventV1``."""
    fields: dict[str, Any] = {
        "id": event.id,
        "timestamp": to_wire(event.timestamp),
        "type": event.type,
        "actor": event.actor,
        "resourceId": event.resource_id,
        "resourceType": event.resource_type,
        "resourceName": event.resource_name,
    }
    if event.actor_email is not None:
        fields["actorEmail"] = event.actor_email
    return fields
