"""The route that lists the revisions of an activation."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PageDep,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
)
from app.api.extensions.parts import ACTIVATION, before_number, newest_first
from app.contract.extensions import revisions as contract
from app.services import activations

router = APIRouter(route_class=ApiRoute)


@router.get(
    ACTIVATION + "/revisions",
    **described(
        "listActivationRevisions",
        output=contract.RevisionsData,
        summary="List revisions",
        errors=(404, 422),
        parameters=(PAGINATION,),
        tag="Activations",
    ),
)
async def list_revisions(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    page: PageDep,
) -> Response:
    """List the revisions of an activation, newest first, each with its changes.

    ``delivered`` is the number of the revision that the last complete sync sent.
    """
    found, total, delivered = await activations.list_revisions(
        session,
        scene.space_id,
        audience_id,
        id,
        before=before_number(page),
        limit=page.count + 1,
    )
    shown = newest_first(found, total, page, lambda row: str(row.revision.number))
    return answer(
        contract.RevisionsData(
            revisions=[
                contract.RevisionOutput(
                    id=row.revision.id,
                    number=row.revision.number,
                    created_at=row.revision.created_at,
                    created_by=row.revision.created_by,
                    changed=list(row.changed),
                    config=row.revision.config,
                )
                for row in shown.entries
            ],
            delivered=delivered,
            pagination=pagination(shown),
        )
    )
