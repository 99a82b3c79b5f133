"""The route that explains what was sent for a profile."""

from __future__ import annotations

from datetime import datetime
from typing import Any

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
from app.core.clock import to_wire
from app.services import reports

router = APIRouter(route_class=ApiRoute)


@router.get(
    ACTIVATION + "/profiles/{profileId}",
    **described(
        "explainActivationProfile",
        lasting=True,
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
    return answer({"profile": _wire(found)})


def _wire(found: reports.Explanation) -> dict[str, Any]:
    stopped = found.history_stopped_at
    return {
        "profileId": found.profile_id,
        "memberships": [_membership(one) for one in found.memberships],
        "wanted": [_wanted(one) for one in found.wanted],
        "leftOut": found.left_out,
        "held": [_held(one) for one in found.held],
        "notHeld": [{"code": one.code, "message": one.message} for one in found.not_held],
        "heldByOthers": [
            {"activationId": one.activation_id, "key": one.key, "keyType": one.key_type}
            for one in found.held_by_others
        ],
        "history": [_event(one) for one in found.history],
        "historyStoppedAt": stopped
        and {
            "syncId": stopped.sync_id,
            "syncNumber": stopped.sync_number,
            "plannedAt": _moment(stopped.planned_at),
        },
    }


def _membership(found: reports.Membership) -> dict[str, Any]:
    row, stopped = found.row, found.history_stopped_at
    return {
        "audienceId": found.audience_id,
        "snapshotId": found.snapshot_id,
        "asOf": _moment(found.as_of),
        "member": found.member,
        "row": row
        and {
            "id": row.id,
            "profileId": row.profile_id,
            "identifiers": row.identifiers,
            "traits": row.traits,
            "entities": row.entities,
        },
        "history": [
            {"snapshotId": one.snapshot_id, "asOf": to_wire(one.as_of), "member": one.member}
            for one in found.history
        ],
        "historyStoppedAt": stopped
        and {"snapshotId": stopped.snapshot_id, "asOf": to_wire(stopped.as_of)},
    }


def _wanted(key: reports.WantedKey) -> dict[str, Any]:
    return {
        "key": key.key,
        "keyType": key.key_type,
        "arm": key.arm,
        "identity": key.identity,
        "traits": key.traits,
        "fields": key.fields,
        "unmapped": key.unmapped,
    }


def _held(key: reports.HeldKey) -> dict[str, Any]:
    return {
        "key": key.key,
        "keyType": key.key_type,
        "arm": key.arm,
        "identity": key.identity,
        "held": key.held,
        "assumed": key.assumed,
        "refused": key.refused,
        "partnerId": key.partner_id,
        "syncNumber": key.sync_number,
    }


def _event(event: reports.DeliveryEvent) -> dict[str, Any]:
    return {
        "syncId": event.sync_id,
        "syncNumber": event.sync_number,
        "plannedAt": _moment(event.planned_at),
        "revision": event.revision,
        "kind": event.kind,
        "disposition": event.disposition,
        "code": event.code,
        "message": event.message,
        "key": event.key,
        "keyType": event.key_type,
        "arm": event.arm,
        "identity": event.identity,
        "held": event.held,
        "partnerId": event.partner_id,
        "batch": event.batch,
        "attempts": [
            {
                "startedAt": to_wire(attempt.started_at),
                "endedAt": _moment(attempt.ended_at),
                "outcome": attempt.outcome,
                "httpStatus": attempt.http_status,
                "vendorRequestId": attempt.vendor_request_id,
                "error": attempt.error,
            }
            for attempt in event.attempts
        ],
    }


def _moment(moment: datetime | None) -> str | None:
    return to_wire(moment) if moment else None
