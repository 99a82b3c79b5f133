"""The route of the catalogue: destinations that support a type of audience."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from app.api.edge import (
    ApiRoute,
    CurrentSpace,
    SessionDep,
    SpaceId,
    answer,
    described,
    query_text,
    read_text,
)
from app.contract import audiences, destination_connections
from app.services import activations

router = APIRouter(route_class=ApiRoute)


@router.get(
    "/spaces/{spaceId}/audienceType/{audienceType}/supported-destinations",
    **described(
        "listSupportedDestinationsFromAudience",
        output=destination_connections.ListSupportedDestinationsFromAudienceAlphaOutput,
        summary="List the destinations that support a type of audience",
        errors=(404, 422),
        parameters=(
            query_text("slug", "Only the destination with this slug."),
            query_text("actionId", "Only destinations with this action."),
        ),
        view="segment",
        tag="Activations",
    ),
)
async def list_supported_destinations(
    request: Request,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_type: Annotated[audiences.AudienceType, Path(alias="audienceType")],
) -> Response:
    """List destinations by slug, each with its actions, their fields, presets and connection settings."""
    destinations = await activations.list_supported_destinations(
        session,
        space_id,
        audience_type,
        slug=read_text(request, "slug"),
        action_id=read_text(request, "actionId"),
        actor=scene.actor,
    )
    return answer({"destinations": destinations})
