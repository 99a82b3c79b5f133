"""Routes of previews of audiences."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from app.api.edge import (
    ALL_VERSIONS,
    ApiRoute,
    CurrentSpace,
    SessionDep,
    SpaceId,
    answer,
    described,
    path_id,
)
from app.api.routes import examples
from app.api.routes.definitions import ResolvedAhead
from app.contract import audience_previews as contract
from app.core import clock
from app.services import audiences

router = APIRouter(route_class=ApiRoute)
PreviewId = Annotated[str, path_id("id", "the preview", "pre_0vK3mUc8NdR5gS1xW4jFqZ")]


@router.post(
    "/spaces/{spaceId}/audiences/previews",
    **described(
        "createAudiencePreview",
        lasting=True,  # a definition is checked in a process of its own
        output=contract.CreateAudiencePreviewOutput,
        summary="Preview a definition",
        errors=(404, 422),
        has_body=True,
        versions=ALL_VERSIONS,
        view="segment",
        request_examples=examples.PREVIEW,
        tag="Audiences",
    ),
)
async def create_preview(
    resolved: ResolvedAhead,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    body: contract.CreateAudiencePreviewInput,
) -> Response:
    """Start a preview. A worker computes it; poll it until its status is not RUNNING."""
    preview = await audiences.create_preview(
        session,
        space_id=space_id,
        audience_type=body.audience_type,
        query=body.definition.query,
        target_entity=body.definition.target_entity,
        options=body.options.model_dump(by_alias=True, exclude_unset=True)
        if body.options
        else None,
        actor=scene.actor,
        now=clock.now(),
    )
    return answer({"audiencePreview": {"id": preview.id}})


@router.get(
    "/spaces/{spaceId}/audiences/previews/{id}",
    **described(
        "getAudiencePreview",
        output=contract.GetAudiencePreviewOutput,
        summary="Get a preview",
        errors=(404, 422),
        versions=ALL_VERSIONS,
        view="segment",
        tag="Audiences",
    ),
)
async def get_preview(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, preview_id: PreviewId
) -> Response:
    """Get a preview. When it is completed, it has the size and the first 100 members."""
    preview = await audiences.get_preview(session, space_id, preview_id)
    return answer({"audiencePreview": _preview(preview)})


def _preview(preview: Any) -> dict[str, Any]:
    """Return the properties of ``AudiencePreview``."""
    definition: dict[str, Any] = {"query": preview.query}
    if preview.target_entity is not None:
        definition["targetEntity"] = preview.target_entity
    fields: dict[str, Any] = {
        "id": preview.id,
        "audienceType": preview.audience_type,
        "definition": definition,
        "options": preview.options or {},
        "status": preview.status,
        "results": preview.results,
        "size": preview.size,
        "failureReason": preview.failure_reason,
    }
    return {name: value for name, value in fields.items() if value is not None}
