"""Routes of who a sync left out: its left-out members, and the arms of its split."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PageDep,
    PlatformDep,
    SpaceId,
    answer,
    described,
    pagination,
    query_text,
    read_choice,
)
from app.api.extensions.parts import ACTIVATION, SyncId
from app.contract.extensions import left_out as contract
from app.domain.left_out import SENTENCES, LeftOut
from app.services import reports

router = APIRouter(route_class=ApiRoute)

_ONE = ACTIVATION + "/syncs/{syncId}"


@router.get(
    _ONE + "/left-out",
    **described(
        "listActivationSyncLeftOut",
        lasting=True,
        output=contract.LeftOutData,
        summary="List the members that a sync left out",
        errors=(404, 422),
        parameters=(
            PAGINATION,
            query_text(
                "reason",
                "Only members that were left out for this reason.",
                "phone_without_country",
                enum=[reason.value for reason in LeftOut],
            ),
        ),
        tag="Syncs",
    ),
)
async def list_left_out(
    request: Request,
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    sync_id: SyncId,
    page: PageDep,
) -> Response:
    """List the members that a sync or a dry run left out, sorted by id, each with its reason and its values.

    They are computed from the memberships that the sync was planned from, so the list stays as it was while these are kept.
    Members that the destination refused before are listed as far as the holdings still record the refusal.
    """
    found = await reports.page_left_out(
        platform,
        space_id=scene.space_id,
        audience_id=audience_id,
        activation_id=id,
        sync_id=sync_id,
        request=page,
        reason=read_choice(request, "reason", LeftOut),
    )
    return answer(
        contract.LeftOutData(
            members=[_member(one) for one in found.page.entries],
            counts=dict(found.counts),
            unlisted=list(found.unlisted),
            pagination=pagination(found.page),
        )
    )


def _member(one: reports.LeftOutMember) -> contract.LeftOutMemberOutput:
    return contract.LeftOutMemberOutput(
        member_id=one.member_id,
        profile_id=one.profile_id,
        reason=one.reason,
        message=SENTENCES[one.reason],
        arm=one.arm,
        values=dict(one.values),
        key=one.key,
        key_type=one.key_type,
        kept_by=one.kept_by,
    )


@router.get(
    _ONE + "/arms",
    **described(
        "listActivationSyncArms",
        lasting=True,
        output=contract.SplitArmsData,
        summary="Count the members of each arm of a sync",
        errors=(404, 422),
        tag="Syncs",
    ),
)
async def list_arms(
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    sync_id: SyncId,
) -> Response:
    """Count the members of each arm of the split: how many there are, how many the plan sends, and how many it leaves out.

    A keyed hash of the profile's id chooses the arm, so arms are near to their shares, but not exactly. A left-out member
    counts in the arm that it would have.
    """
    found = await reports.split_arms(
        platform,
        space_id=scene.space_id,
        audience_id=audience_id,
        activation_id=id,
        sync_id=sync_id,
    )
    arms = None if found is None else [_arm(one) for one in found]
    return answer(contract.SplitArmsData(arms=arms))


def _arm(one: reports.SplitArm) -> contract.SplitArmOutput:
    return contract.SplitArmOutput(
        name=one.name,
        share=one.share,
        sent=one.is_sent,
        members=one.members,
        planned=one.sent,
        exited=one.removed,
        left_out=dict(one.left_out),
        delivered=one.delivered,
        list_id=one.list_id,
        list_name=one.list_name,
    )
