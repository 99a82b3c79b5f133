"""Route of the rows of a preview."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import ApiRoute, CurrentSpace, Id, SessionDep, SpaceId, answer, described
from app.api.extensions.members import member_to_wire
from app.contract.extensions import preview_rows as contract
from app.services import audiences

router = APIRouter(route_class=ApiRoute)


@router.get(
    "/spaces/{spaceId}/audiences/previews/{id}/rows",
    **described(
        "listAudiencePreviewRows",
        output=contract.PreviewRowsData,
        summary="List the rows of a preview",
        errors=(404, 422),
        tag="Audiences",
    ),
)
async def list_preview_rows(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, preview_id: Id
) -> Response:
    """List the first 100 members of a preview with their identifiers and traits, as an audience with its definition would have them.

    Empty until the preview is completed. Very long rows are left out from 1 MiB on.
    """
    preview = await audiences.get_preview(session, scene.space_id, preview_id)
    rows = [member_to_wire(row) for row in preview.rows or ()]
    return answer(contract.PreviewRowsData(status=preview.status, rows=rows))
