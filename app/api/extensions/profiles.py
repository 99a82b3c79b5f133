"""The route that finds a profile in a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Response

from app.api.edge import (
    ApiRoute,
    CurrentSpace,
    PlatformDep,
    SpaceId,
    answer,
    described,
    path_id,
)
from app.contract.extensions import profiles as contract
from app.domain.changes import Held
from app.services import reports

router = APIRouter(route_class=ApiRoute)

SoughtId = Annotated[
    str, path_id("id", "the profile, or the value of one of its identifiers", "ada@example.com")
]


@router.get(
    "/spaces/{spaceId}/profiles/{id}",
    **described(
        "findProfile",
        lasting=True,
        output=contract.FoundProfileData,
        summary="Find a profile",
        errors=(404, 422),
        tag="Members",
    ),
)
async def find_profile(
    platform: PlatformDep, scene: CurrentSpace, space_id: SpaceId, id: SoughtId
) -> Response:
    """Find a profile by its id or by the value of an identifier: the audiences that have it, and the activations that hold it.

    E-mail addresses are compared without case. Nothing found is not an error: the lists are empty. All audiences and
    activations of the space are searched. The search ends after 512 MiB from the object store or 20 s; `unsearched` is the number of the rest.
    """
    found = await reports.find_profile(platform, scene.space_id, id)
    reasons = await reports.explain_absences(platform, scene.space_id, found)
    return answer(contract.FoundProfileData(profile=_wire(found, reasons)))


def _wire(
    found: reports.FoundProfile, reasons: Mapping[str, Sequence[reports.NotHeld]]
) -> contract.FoundProfileOutput:
    return contract.FoundProfileOutput(
        sought=found.sought,
        profile_ids=list(found.profile_ids),
        memberships=[
            contract.FoundMembershipOutput(
                audience_id=one.audience_id,
                audience_name=one.audience_name,
                as_of=one.as_of,
                member_id=one.row.id,
                profile_id=one.row.profile_id,
                identifiers=dict(one.row.identifiers),
                traits=dict(one.row.traits),
                since=one.since,
                since_is_exact=one.since_is_exact,
            )
            for one in found.memberships
        ],
        activations=[
            _activation(one, reasons.get(one.overview.activation.id)) for one in found.activations
        ],
        searched_audiences=found.searched_audiences,
        searched_activations=found.searched_activations,
        unsearched=found.unsearched,
    )


def _activation(
    one: reports.FoundActivation, reasons: Sequence[reports.NotHeld] | None
) -> contract.FoundActivationOutput:
    is_held = any(key.held == Held.YES for key in one.held)
    not_held = None if reasons is None and not is_held else reasons or ()
    return contract.FoundActivationOutput(
        activation_id=one.overview.activation.id,
        name=one.overview.activation.name,
        audience_id=one.overview.activation.audience_id,
        destination_name=one.overview.destination_name,
        enabled=one.overview.activation.enabled,
        is_member=one.is_member,
        held=[
            contract.FoundKeyOutput(
                key=key.key, key_type=key.key_type, profile_id=key.profile_id, held=key.held
            )
            for key in one.held
        ],
        not_held=None
        if not_held is None
        else [contract.NotHeldOutput(code=each.code, message=each.message) for each in not_held],
    )
