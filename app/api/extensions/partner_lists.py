"""The route that lists the lists at a partner."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    CurrentSpace,
    DestinationId,
    PageDep,
    PlatformDep,
    SpaceId,
    answer,
    described,
    pagination,
    query_text,
    read_text,
)
from app.contract.extensions import partner_lists as contract
from app.services import activations

router = APIRouter(route_class=ApiRoute)


@router.get(
    "/spaces/{spaceId}/destinations/{destinationId}/lists",
    **described(
        "listDestinationLists",
        lasting=True,
        output=contract.PartnerListsData,
        summary="List the lists at a partner",
        errors=(404, 409, 422),
        parameters=(
            PAGINATION,
            query_text("search", "Part of a name or id.", "newsletter", maxLength=255),
        ),
        tag="Destinations",
    ),
)
async def list_lists(
    request: Request,
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    destination_id: DestinationId,
    page: PageDep,
) -> Response:
    """List the lists at a partner by name, read now, with the connections of this workspace that write to each.

    Returns 409 if the destination has no lists.
    """
    found = await activations.page_partner_lists(
        platform,
        workspace_id=scene.workspace_id,
        space_id=scene.space_id,
        destination_id=destination_id,
        search=read_text(request, "search"),
        request=page,
    )
    return answer(
        contract.PartnerListsData(
            lists=[
                contract.PartnerListOutput(
                    id=one.id,
                    name=one.name,
                    used_by=[
                        contract.ListUseOutput(
                            audience_id=use.audience_id,
                            audience_name=use.audience_name,
                            connection_id=use.connection_id,
                            activation_id=use.activation_id,
                            activation_name=use.activation_name,
                        )
                        for use in one.used_by
                    ],
                )
                for one in found.page.entries
            ],
            complete=found.complete,
            pagination=pagination(found.page),
        )
    )
