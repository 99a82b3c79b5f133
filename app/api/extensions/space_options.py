"""Routes of the options of a space."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import ApiRoute, CurrentSpace, SessionDep, SpaceId, answer, described
from app.contract.extensions import space_options as contract
from app.services import tenancy

router = APIRouter(route_class=ApiRoute)

_PATH = "/spaces/{spaceId}/options"


@router.get(
    _PATH,
    **described(
        "getSpaceOptions",
        output=contract.SpaceOptionsData,
        summary="Get the options of a space",
        errors=(404, 422),
        tag="Spaces",
    ),
)
async def get_options(session: SessionDep, scene: CurrentSpace, space_id: SpaceId) -> Response:
    """Get the options of a space."""
    space = await tenancy.get_space(session, scene.workspace_id, scene.space_id)
    return _answer(space.absent_words)


@router.patch(
    _PATH,
    **described(
        "updateSpaceOptions",
        output=contract.SpaceOptionsData,
        summary="Update the options of a space",
        errors=(404, 422),
        has_body=True,
        request_examples={"words": {"absentWords": ["unbekannt", "no-email@example.com"]}},
        tag="Spaces",
    ),
)
async def update_options(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, body: contract.SpaceOptionsPatch
) -> Response:
    """Update the options of a space. Options that are not given stay."""
    if body.absent_words is None:
        space = await tenancy.get_space(session, scene.workspace_id, scene.space_id)
    else:
        space = await tenancy.set_absent_words(
            session, scene.workspace_id, scene.space_id, body.absent_words, actor=scene.actor
        )
    return _answer(space.absent_words)


def _answer(words: list[str]) -> Response:
    options = contract.SpaceOptionsOutput(absent_words=words)
    return answer(contract.SpaceOptionsData(options=options))
