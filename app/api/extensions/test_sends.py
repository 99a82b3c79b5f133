"""The route of test sends of an activation."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import (
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PlatformOnceDep,
    SpaceId,
    answer,
    described,
)
from app.api.extensions.parts import ACTIVATION
from app.contract.extensions import test_sends as contract
from app.domain.changes import ChangeKind
from app.services import planning, syncs

router = APIRouter(route_class=ApiRoute)

_SAMPLE = {
    "profile": {
        "profileId": "test-1",
        "identifiers": {"email": "test@example.com"},
        "traits": {"plan": "gold"},
    }
}


@router.post(
    ACTIVATION + "/test-sends",
    **described(
        "sendActivationTest",
        lasting=True,
        output=contract.TestSendData,
        summary="Send one profile now",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={
            "a member": {"profileId": "p1"},
            "a sample": _SAMPLE,
            "take it out again": {**_SAMPLE, "change": "exited"},
        },
        tag="Syncs",
    ),
)
async def send_test(
    platform: PlatformOnceDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    body: contract.TestSendInput,
) -> Response:
    """Send one profile to the partner with the current revision, even if a sync would not send it.

    Waits up to 20 s for the result. A test send is a sync of kind ``test`` and updates the holdings: the next sync
    removes the profile if it is not wanted.
    """
    sample = body.profile
    sync, told = await planning.send_test(
        platform,
        space_id=scene.space_id,
        audience_id=audience_id,
        activation_id=id,
        who=body.profile_id or ""
        if sample is None
        else planning.Sample(
            sample.profile_id, sample.identifiers, sample.traits, sample.entity_id
        ),
        kind=ChangeKind(body.change),
        actor=scene.actor,
    )
    report = sync.report or {}
    return answer(
        contract.TestSendData(
            test_send=contract.TestSendOutput(
                sync_id=sync.id,
                profile_id=report["profileId"],
                change=report["change"],
                status=told.status,
                reasons=[
                    contract.TestSendReasonOutput(code=one.code, message=one.message)
                    for one in told.reasons
                ],
                member=report["member"],
                left_out=report["leftOut"],
                notes=report["notes"],
                keys=[contract.TestSendKeyOutput.model_validate(one) for one in report["keys"]],
                requests=report["requests"],
                attempts=[_attempt(one) for one in told.attempts],
            )
        )
    )


def _attempt(attempt: syncs.AttemptView) -> contract.TestSendAttemptOutput:
    return contract.TestSendAttemptOutput(
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        outcome=attempt.outcome,
        http_status=attempt.http_status,
        vendor_request_id=attempt.vendor_request_id,
        error=attempt.error,
    )
