"""The route that lists all activations of a space."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    CurrentSpace,
    PageDep,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
    query_text,
    read_text,
)
from app.contract.extensions import overview as contract
from app.domain.options import frequency_of
from app.services import reports

router = APIRouter(route_class=ApiRoute)

_ID = {"maxLength": 255}


def _wire(row: reports.Overview) -> contract.OverviewOutput:
    found = row.activation
    return contract.OverviewOutput(
        id=found.id,
        name=found.name,
        activation_type=row.activation_type,
        audience=contract.OverviewAudienceOutput(id=found.audience_id, name=row.audience_name),
        destination=contract.OverviewDestinationOutput(
            id=found.destination_id, name=row.destination_name, slug=row.slug
        ),
        connection_id=found.connection_id,
        enabled=found.enabled,
        state=found.state,
        activity=row.activity,
        status=reports.overview_status(row),
        frequency=frequency_of(found.options).to_json(),
        next_due_at=found.next_due_at,
        last_synced_at=found.last_synced_at,
        last_error=found.last_error,
        held=found.held,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


@router.get(
    "/spaces/{spaceId}/activations",
    **described(
        "listActivations",
        output=contract.OverviewData,
        summary="List activations of all audiences",
        errors=(404, 422),
        parameters=(
            PAGINATION,
            query_text(
                "state",
                "Only activations in this state.",
                "active",
                enum=list(reports.OVERVIEW_STATES),
            ),
            query_text(
                "activity",
                "`active`: activations that send, or will send again. `finished`: one-time sends that were sent. `error`: those "
                "that an error stopped. `inactive`: all others.",
                "active",
                enum=list(reports.ACTIVITIES),
            ),
            query_text(
                "audienceId",
                "Only activations of this audience.",
                "aud_0vK3mR2HsD8pL4jT6uXaGb",
                **_ID,
            ),
            query_text(
                "destinationId",
                "Only activations to this account.",
                "66be7aeca665bd11f8908630",
                **_ID,
            ),
            query_text("search", "Part of a name.", "buyers", **_ID),
        ),
        tag="Activations",
    ),
)
async def list_activations(
    request: Request,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    page: PageDep,
) -> Response:
    """List activations of a space, oldest first. ``active``: sends automatically. ``error``: stopped until it is fixed."""
    sought = reports.Sought(
        state=request.query_params.get("state"),
        activity=request.query_params.get("activity"),
        audience_id=read_text(request, "audienceId"),
        destination_id=read_text(request, "destinationId"),
        name=read_text(request, "search"),
    )
    found = await reports.page_overview(session, scene.space_id, sought, page)
    return answer(
        contract.OverviewData(
            activations=[_wire(row) for row in found.entries], pagination=pagination(found)
        )
    )
