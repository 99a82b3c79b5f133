"""Routes of the activations of an audience."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    AudienceId,
    ConnectionId,
    CurrentSpace,
    DirectRoute,
    Id,
    PageDep,
    PlatformDep,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
    platform_of,
    scene_of,
)
from app.api.routes import examples
from app.contract import activations as contract
from app.contract.envelope import Input
from app.core import clock
from app.services import activations

router = APIRouter(route_class=ApiRoute)
hot = APIRouter(route_class=DirectRoute)

ONE = "/spaces/{spaceId}/audiences/{audienceId}/activations/{id}"


@router.post(
    "/spaces/{spaceId}/audiences/{audienceId}/destination-connections/{connectionId}/activations",
    **described(
        "addActivationToAudience",
        output=contract.AddActivationToAudienceAlphaOutput,
        summary="Add an activation to an audience",
        errors=(404, 409, 422),
        has_body=True,
        view="segment",
        request_examples=examples.ADD_ACTIVATION,
        warns=True,
        tag="Activations",
    ),
)
async def add_activation(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    connection_id: ConnectionId,
    body: contract.AddActivationToAudienceAlphaInput,
    platform: PlatformDep,
) -> Response:
    """Add an activation to a destination of the audience. Without `enabled`, it sends nothing until it is enabled."""
    view = await activations.create_activation(
        session,
        space_id=space_id,
        audience_id=audience_id,
        connection_id=connection_id,
        wanted=activations.NewActivation(
            activation_type=body.activation_type,
            name=body.activation_name,
            perform_resync=body.perform_resync,
            enabled=body.enabled or False,
            display_name=body.display_name,
            personalization=_json(body.personalization),
            mapping=_json(body.destination_mapping),
        ),
        actor=scene.actor,
        now=clock.now(),
    )
    found = await activations.activation_warnings(
        session, platform, scene.workspace_id, view.activation
    )
    return answer({"activation": _activation(view, scene.workspace_id)}, warnings=len(found))


@router.get(
    "/spaces/{spaceId}/audiences/{audienceId}/activations",
    **described(
        "listActivationsFromAudience",
        output=contract.ListActivationsFromAudienceAlphaOutput,
        summary="List the activations of an audience",
        errors=(404, 422),
        parameters=(PAGINATION,),
        view="segment",
        tag="Activations",
    ),
)
async def list_activations(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    page: PageDep,
) -> Response:
    """List the activations of all connections of the audience, oldest first."""
    found = await activations.page_activations(session, space_id, audience_id, page)
    return answer(
        {
            "activations": [_activation(view, scene.workspace_id) for view in found.entries],
            "pagination": pagination(found).to_wire(),
        }
    )


@hot.get(
    ONE,
    **described(
        "getActivationFromAudience",
        output=contract.GetActivationFromAudienceAlphaOutput,
        summary="Get an activation of an audience",
        errors=(404, 422),
        parameters=[
            {
                "in": "path",
                "name": name,
                "required": True,
                "description": f"Id of the {what}.",
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 255,
                    "examples": [example],
                },
            }
            for name, what, example in (
                ("spaceId", "space", "spa_0vK3mQ7ZtB5xR1nW9cYdEf"),
                ("audienceId", "audience", "aud_0vK3mR2HsD8pL4jT6uXaGb"),
                ("id", "activation", "act_0vK3mS5VgJ9bM2rP8iUwLt"),
            )
        ],
        view="segment",
        tag="Activations",
    ),
)
async def get_activation(request: Request) -> Response:
    """Get an activation."""
    # The most frequent read. To be fast, it uses no dependencies and no models, and copies stored JSON.
    scene = await scene_of(request)
    audience_id: str = request.path_params["audienceId"]
    found = await activations.read_activation(
        platform_of(request).hot, scene.space_id, audience_id, request.path_params["id"]
    )
    fields: dict[str, Any] = {
        "id": found.id,
        "enabled": found.enabled,
        "workspaceId": scene.workspace_id,
        "spaceId": scene.space_id,
        "audienceId": audience_id,
        "connectionId": found.connection_id,
        "activationType": found.activation_type,
        "activationName": found.name,
        "personalization": orjson.Fragment(found.personalization),
        "performResync": found.resync,
    }
    if found.display_name is not None:
        fields["displayName"] = orjson.Fragment(found.display_name)
    if found.mapping is not None:
        fields["destinationMapping"] = orjson.Fragment(found.mapping)
    return Response(orjson.dumps({"data": {"activation": fields}}))


@router.patch(
    ONE,
    **described(
        "updateActivationForAudience",
        output=contract.UpdateActivationForAudienceAlphaOutput,
        summary="Update an activation of an audience",
        errors=(404, 422),
        has_body=True,
        view="segment",
        request_examples=examples.UPDATE_ACTIVATION,
        warns=True,
        tag="Activations",
    ),
)
async def update_activation(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    activation_id: Id,
    body: contract.UpdateActivationForAudienceAlphaInput,
    platform: PlatformDep,
) -> Response:
    """Update the fields that are given. An empty object changes nothing."""
    view = await activations.update_activation(
        session,
        space_id=space_id,
        audience_id=audience_id,
        activation_id=activation_id,
        changes=activations.ActivationChanges(
            enabled=body.enabled,
            name=body.activation_name or None,
            display_name=body.display_name,
            display_name_cleared=body.given("display_name") and body.display_name is None,
            personalization=_json(body.personalization),
            mapping=_json(body.destination_mapping),
            perform_resync=body.perform_resync or False,
        ),
        actor=scene.actor,
        now=clock.now(),
    )
    found = await activations.activation_warnings(
        session, platform, scene.workspace_id, view.activation
    )
    return answer({"activation": _activation(view, scene.workspace_id)}, warnings=len(found))


@router.delete(
    ONE,
    **described(
        "removeActivationFromAudience",
        output=contract.RemoveActivationFromAudienceAlphaOutput,
        summary="Remove an activation from an audience",
        errors=(404, 422),
        view="segment",
        tag="Activations",
    ),
)
async def remove_activation(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    activation_id: Id,
) -> Response:
    """Remove an activation. Members that were sent stay at the destination."""
    await activations.remove_activation(
        session, space_id, audience_id, activation_id, actor=scene.actor, now=clock.now()
    )
    return answer({"status": "SUCCESS"})


def _json(part: Input | None) -> dict[str, Any] | None:
    return part.model_dump(by_alias=True, exclude_unset=True) if part is not None else None


def _activation(view: activations.ActivationView, workspace_id: str) -> dict[str, Any]:
    """Return the properties of ``ActivationOutput``, with stored JSON unchanged."""
    activation, config = view.activation, view.config
    return {
        "id": activation.id,
        "workspaceId": workspace_id,
        "spaceId": activation.space_id,
        "audienceId": activation.audience_id,
        "connectionId": activation.connection_id,
        **activations.activation_fields(activation, config),
    }
