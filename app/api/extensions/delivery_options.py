"""Routes of the delivery options of an activation."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import (
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PlatformDep,
    SessionDep,
    SpaceId,
    answer,
    described,
)
from app.api.extensions.checks import warnings_to_wire
from app.api.extensions.parts import ACTIVATION
from app.contract.extensions import delivery_options as contract
from app.core import clock
from app.services import activations

router = APIRouter(route_class=ApiRoute)

TAG = "Delivery options"
_PATH = ACTIVATION + "/delivery-options"


def _answer(options: activations.DeliveryOptions) -> Response:
    return answer(contract.DeliveryOptionsData(delivery_options=_wire(options)))


def _wire(options: activations.DeliveryOptions) -> contract.DeliveryOptionsOutput:
    split = {"arms": options.arms, "property": options.split_property} if options.arms else None
    return contract.DeliveryOptionsOutput(
        frequency=options.frequency.to_json(),
        brake=options.brake.to_json(),
        notifications=dict(options.notifications),
        mode=options.mode,
        split=split,
        updates=options.updates,
        list=dict(options.list) if options.list is not None else None,
        consent=options.consent,
        audiences=list(options.audiences),
        included_attribute=options.included_attribute,
        revision=options.revision,
    )


@router.get(
    _PATH,
    **described(
        "getDeliveryOptions",
        output=contract.DeliveryOptionsData,
        summary="Get delivery options",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def get_delivery_options(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, audience_id: AudienceId, id: Id
) -> Response:
    """Get all delivery options, including defaults, and the number of their revision."""
    return _answer(await activations.get_delivery_options(session, scene.space_id, audience_id, id))


@router.patch(
    _PATH,
    **described(
        "updateDeliveryOptions",
        output=contract.DeliveryOptionsData,
        summary="Update delivery options",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={
            "brake off": {"brake": {"enabled": False}},
            "every morning": {
                "frequency": {"type": "daily", "at": "06:30", "zone": "Europe/Berlin"}
            },
        },
        tag=TAG,
        warns=True,
    ),
)
async def update_delivery_options(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    body: contract.DeliveryOptionsPatch,
    platform: PlatformDep,
) -> Response:
    """Update delivery options: the brake is merged, other options are replaced.

    A change creates a new revision, except a change of frequency, brake or notifications.
    """
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    # The session has used no connection of the database yet, except with an idempotency key, whose row it holds.
    unsure = await activations.refuse_unknown_lists_of_options(
        platform,
        workspace_id=scene.workspace_id,
        space_id=space_id,
        audience_id=audience_id,
        activation_id=id,
        changes=changes,
    )
    options = await activations.update_delivery_options(
        session,
        scene.space_id,
        audience_id,
        id,
        changes,
        actor=scene.actor,
        now=clock.now(),
    )
    activation = await activations.require_activation(session, scene.space_id, audience_id, id)
    found = await activations.activation_warnings(session, platform, scene.workspace_id, activation)
    warnings = [*unsure, *found]
    data = contract.DeliveryOptionsData(
        delivery_options=_wire(options), warnings=warnings_to_wire(warnings)
    )
    return answer(data, warnings=len(warnings))
