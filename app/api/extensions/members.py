"""Routes of members: supply the membership, page through members, look up a profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    AudienceId,
    CurrentSpace,
    PageDep,
    PlatformDep,
    SpaceId,
    answer,
    described,
    pagination,
    read_text,
)
from app.api.extensions.parts import AUDIENCE, DELIMITER, UPLOAD_BODY, ProfileId, announced_length
from app.api.extensions.runs import run_wire
from app.contract.extensions import members as contract
from app.contract.extensions.runs import RunData
from app.core import clock
from app.core.errors import Invalid
from app.core.long_numbers import has_long_number, loads_long, long_paths
from app.core.streamed_body import StreamedBody
from app.services import audiences

router = APIRouter(route_class=ApiRoute)

TAG = "Members"


def member_to_wire(row: Mapping[str, Any]) -> contract.MemberOutput:
    """Return a member with its identifiers and traits, from a row of the form of ``find_row``."""
    return contract.MemberOutput(
        id=row["member_id"],
        profile_id=row["profile_id"],
        identifiers=row["identifiers"],
        traits=row["traits"],
        entities=row["entities"],
    )


@router.put(
    AUDIENCE + "/members",
    **described(
        "putAudienceMembers",
        output=RunData,
        summary="Supply the whole membership",
        errors=(400, 404, 409, 413, 415, 422, 507),
        upload=True,
        parameters=(DELIMITER,),
        request_body=UPLOAD_BODY,
        tag=TAG,
    ),
)
async def put_members(
    request: Request,
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
) -> Response:
    """Replace the membership in one run. Errors of the upload are returned with row and column, and change nothing."""
    body = StreamedBody(request)
    run = await body.run(
        audiences.put_members(
            platform,
            body.pieces(),
            space_id=scene.space_id,
            audience_id=audience_id,
            content_type=request.headers.get("content-type"),
            content_encoding=request.headers.get("content-encoding"),
            announced=announced_length(request),
            delimiter=read_text(request, "delimiter"),
            actor=scene.actor,
            now=clock.now(),
        )
    )
    return answer(RunData(run=run_wire(run)))


def _refuse_long_numbers(body: bytes) -> None:
    """Raise Invalid for a number whose digits would change, with its location."""
    if not has_long_number(body):
        return
    for path in long_paths(loads_long(body)):
        field = ".".join(path)
        raise Invalid(
            f'"{field}": the number has more digits than are kept; write it as a text', field=field
        )


@router.patch(
    AUDIENCE + "/members",
    **described(
        "patchAudienceMembers",
        output=RunData,
        summary="Add and remove single members",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={
            "both": {
                "add": [{"profile_id": "p1", "email": "ada@example.com", "city": "London"}],
                "remove": ["p2"],
            }
        },
        tag=TAG,
    ),
)
async def patch_members(
    request: Request,
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    body: contract.MembersPatch,
) -> Response:
    """Add and remove single members. Waiting changes share one run. A row in ``add`` replaces the whole member."""
    _refuse_long_numbers(await request.body())
    run = await audiences.patch_members(
        platform,
        space_id=scene.space_id,
        audience_id=audience_id,
        add=body.add,
        remove=body.remove,
        actor=scene.actor,
        now=clock.now(),
    )
    return answer(RunData(run=run_wire(run)))


@router.get(
    AUDIENCE + "/members",
    **described(
        "listAudienceMembers",
        lasting=True,
        output=contract.MembersData,
        summary="List members",
        errors=(404, 422),
        parameters=(PAGINATION,),
        tag=TAG,
    ),
)
async def list_members(
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    page: PageDep,
) -> Response:
    """List the members of the current snapshot, sorted by id. All pages of one listing are from one snapshot."""
    found, snapshot = await audiences.page_members(
        platform, space_id=scene.space_id, audience_id=audience_id, request=page
    )
    return answer(
        contract.MembersData(
            members=[member_to_wire(row) for row in found.entries],
            snapshot_id=snapshot.id if snapshot else None,
            pagination=pagination(found),
        )
    )


@router.get(
    AUDIENCE + "/members/{profileId}",
    **described(
        "getAudienceMember",
        lasting=True,
        output=contract.MembershipData,
        summary="Look up a profile",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def get_member(
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    profile_id: ProfileId,
) -> Response:
    """Look up a profile: whether it is a member, since which snapshot, and its row. A non-member is not an error."""
    found = await audiences.find_member(
        platform, space_id=scene.space_id, audience_id=audience_id, profile_id=profile_id
    )
    return answer(
        contract.MembershipData(
            membership=contract.MembershipOutput(
                id=found.id,
                member=found.member is not None,
                snapshot_id=found.snapshot.id if found.snapshot else None,
                as_of=found.snapshot.as_of if found.snapshot else None,
                since_snapshot_id=found.since.id if found.since else None,
                since=found.since.as_of if found.since else None,
                since_is_exact=found.since_is_exact,
                row=member_to_wire(found.member) if found.member else None,
            )
        )
    )
