"""The route of the status of an activation."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import (
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    SessionDep,
    SpaceId,
    answer,
    described,
)
from app.api.extensions.parts import ACTIVATION, CurrentActivation
from app.contract.extensions import status as contract
from app.core import clock
from app.services import reports

router = APIRouter(route_class=ApiRoute)


@router.get(
    ACTIVATION + "/status",
    **described(
        "getActivationStatus",
        output=contract.StatusData,
        summary="Get the status of an activation",
        errors=(404, 422),
        tag="Syncs",
    ),
)
async def get_status(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    activation: CurrentActivation,
) -> Response:
    """Get the status of an activation. Its ``note`` explains why nothing was sent."""
    return answer({"status": await reports.activation_status(session, activation, clock.now())})
