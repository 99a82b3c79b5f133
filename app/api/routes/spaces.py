"""Routes of spaces."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    CurrentSpace,
    CurrentToken,
    PageDep,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
)
from app.contract import spaces as contract
from app.services import tenancy

router = APIRouter(route_class=ApiRoute)


@router.get(
    "/spaces",
    **described(
        "listSpaces",
        output=contract.ListSpacesAlphaOutput,
        summary="List spaces",
        errors=(422,),
        parameters=(PAGINATION,),
        view="segment",
        tag="Spaces",
    ),
)
async def list_spaces(session: SessionDep, caller: CurrentToken, page: PageDep) -> Response:
    """List the spaces of the token's workspace, oldest first."""
    found = await tenancy.page_spaces(session, caller.workspace_id, page)
    return answer(
        contract.ListSpacesAlphaOutput(
            spaces=[
                contract.Space.model_validate(space, from_attributes=True)
                for space in found.entries
            ],
            pagination=pagination(found),
        )
    )


@router.post(
    "/spaces",
    **described(
        "createSpace",
        output=contract.GetSpaceAlphaOutput,
        summary="Create a space",
        errors=(409, 422),
        has_body=True,
        request_examples={"new": {"name": "Production"}},
        tag="Spaces",
    ),
)
async def create_space(
    session: SessionDep, caller: CurrentToken, body: contract.CreateSpaceInput
) -> Response:
    """Create a space in the token's workspace."""
    space = await tenancy.create_space(
        session,
        workspace_id=caller.workspace_id,
        name=body.name,
        slug=body.slug,
        actor=caller.actor,
    )
    return answer(
        contract.GetSpaceAlphaOutput(
            space=contract.Space.model_validate(space, from_attributes=True)
        )
    )


@router.get(
    "/spaces/{spaceId}",
    **described(
        "getSpace",
        output=contract.GetSpaceAlphaOutput,
        summary="Get a space",
        errors=(404, 422),
        view="segment",
        tag="Spaces",
    ),
)
async def get_space(session: SessionDep, scene: CurrentSpace, space_id: SpaceId) -> Response:
    """Get a space."""
    space = await tenancy.get_space(session, scene.workspace_id, space_id)
    return answer(
        contract.GetSpaceAlphaOutput(
            space=contract.Space.model_validate(space, from_attributes=True)
        )
    )
