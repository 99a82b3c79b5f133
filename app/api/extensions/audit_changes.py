"""The route that lists events with what they changed. Segment's operation on the audit trail has no place for it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    CurrentToken,
    PageDep,
    SessionDep,
    answer,
    described,
    pagination,
    query_text,
)
from app.api.routes.audit_events import FILTERS, event_to_wire, wanted_events
from app.contract.extensions import audit_changes as contract
from app.services import tenancy

router = APIRouter(route_class=ApiRoute)

#: Segment's operation takes any text.
_RESOURCE_TYPE = query_text(
    "resourceType",
    "Only events of resources of this type.",
    "activation",
    enum=list(tenancy.RESOURCE_TYPES),
)


@router.get(
    "/audit-changes",
    **described(
        "listAuditChanges",
        output=contract.ChangedEventsData,
        summary="List audit events with what they changed",
        errors=(422,),
        parameters=(*FILTERS[:-1], _RESOURCE_TYPE, PAGINATION),
        tag="Audit trail",
    ),
)
async def list_audit_changes(
    request: Request, session: SessionDep, caller: CurrentToken, page: PageDep
) -> Response:
    """List the events of the token's workspace, newest first, each with the changed fields before and after.

    Secrets, tokens and members are never in it.
    """
    # Segment's operation returns an empty list for times in the wrong order.
    wanted = tenancy.in_order(wanted_events(request), start="startTime", end="endTime")
    found = await tenancy.page_events(session, caller.workspace_id, wanted, page)
    actors = [event.actor for event in found.entries]
    names = await tenancy.actor_names(session, caller.workspace_id, actors)
    return answer(
        {
            "events": [
                _event(event, caller) | {"actorName": names.get(event.actor)}
                for event in found.entries
            ],
            "pagination": pagination(found).to_wire(),
        }
    )


def _event(event: Any, caller: tenancy.Caller) -> dict[str, Any]:
    found = tenancy.event_changes(event, caller)
    return event_to_wire(event) | {
        "changes": found.fields if found else None,
        "omittedChanges": found.omitted if found else 0,
    }
