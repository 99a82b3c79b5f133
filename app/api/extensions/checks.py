"""Routes of the warnings about saved audiences and activations."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Response

from app.api.edge import (
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PlatformDep,
    SessionDep,
    SpaceId,
    TransactionDep,
    answer,
    described,
)
from app.api.extensions.parts import ACTIVATION, AUDIENCE
from app.contract.extensions import checks as contract
from app.domain.save_warnings import SaveWarning
from app.services import activations, audiences

router = APIRouter(route_class=ApiRoute)


@router.get(
    AUDIENCE + "/checks",
    **described(
        "getAudienceChecks",
        output=contract.ChecksData,
        summary="Check an audience",
        errors=(404, 422),
        tag="Audiences",
    ),
)
async def check_audience(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, audience_id: AudienceId
) -> Response:
    """Check an audience. Each warning names a part that is accepted, and may not do what its author expects."""
    found = await audiences.audience_warnings(session, scene.space_id, audience_id)
    return answer(contract.ChecksData(warnings=warnings_to_wire(found)))


@router.get(
    ACTIVATION + "/checks",
    **described(
        "getActivationChecks",
        output=contract.ChecksData,
        summary="Check an activation",
        errors=(404, 422),
        tag="Activations",
    ),
)
async def check_activation(
    session: TransactionDep,  # places that are named in another way now are recorded
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    platform: PlatformDep,
) -> Response:
    """Check an activation against the newest members of its audiences, and its lists at the partner."""
    # The partner is asked before the session uses a connection of the database.
    lists = await activations.list_warnings(
        platform, scene.workspace_id, scene.space_id, audience_id, id
    )
    activation = await activations.require_activation(session, scene.space_id, audience_id, id)
    found = await activations.activation_warnings(session, platform, scene.workspace_id, activation)
    return answer(contract.ChecksData(warnings=warnings_to_wire([*lists, *found])))


def warnings_to_wire(found: Sequence[SaveWarning]) -> list[contract.WarningOutput]:
    """Return warnings as responses contain them: ``{field, message, code}``."""
    return [
        contract.WarningOutput(field=one.field, message=one.message, code=one.code) for one in found
    ]
