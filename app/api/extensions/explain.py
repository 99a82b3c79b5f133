"""The route that explains what was sent for a profile."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import (
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PlatformDep,
    SpaceId,
    answer,
    described,
)
from app.api.extensions.parts import ACTIVATION, ProfileId
from app.contract.extensions import explain as contract
from app.services import reports

router = APIRouter(route_class=ApiRoute)


@router.get(
    ACTIVATION + "/profiles/{profileId}",
    **described(
        "explainActivationProfile",
        output=contract.ExplanationData,
        summary="Explain what was sent for a profile",
        errors=(404, 422),
        tag="Syncs",
    ),
)
async def explain_profile(
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    profile_id: ProfileId,
) -> Response:
    """Explain a profile: its memberships, identifiers, arm and batch, and the partner's response.

    The history covers the newest 20 snapshots of each audience and 200 syncs, and ends after 512 MiB from the object
    store or 20 s. `historyStoppedAt` is the newest entry that was not searched, or null: of the profile a sync (`syncId`,
    `syncNumber`, `plannedAt`), of each membership a snapshot (`snapshotId`, `asOf`).
    """
    found = await reports.explain_profile(
        platform,
        space_id=scene.space_id,
        audience_id=audience_id,
        activation_id=id,
        profile_id=profile_id,
    )
    return answer({"profile": found})
