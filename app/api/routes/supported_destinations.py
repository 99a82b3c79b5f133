"""The route of the catalogue: destinations that support a type of audience."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from app.api.edge import (
    ApiRoute,
    CurrentSpace,
    SpaceId,
    TransactionDep,
    answer,
    described,
    query_text,
    read_text,
)
from app.connectors.base import Action, ActionField, Definition, SettingField
from app.contract import audiences, destination_connections
from app.services import activations

router = APIRouter(route_class=ApiRoute)


@router.get(
    "/spaces/{spaceId}/audienceType/{audienceType}/supported-destinations",
    **described(
        "listSupportedDestinationsFromAudience",
        output=destination_connections.ListSupportedDestinationsFromAudienceAlphaOutput,
        summary="List the destinations that support a type of audience",
        errors=(404, 422),
        parameters=(
            query_text("slug", "Only the destination with this slug.", "webhook"),
            query_text("actionId", "Only destinations with this action.", "webhook-send"),
        ),
        view="segment",
        tag="Activations",
    ),
)
async def list_supported_destinations(
    request: Request,
    session: TransactionDep,  # the list is an event of the audit trail
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_type: Annotated[
        audiences.AudienceType,
        Path(
            alias="audienceType",
            description="What the members are: profiles (`USERS`), accounts (`ACCOUNTS`) or entities (`LINKED`).",
            examples=["USERS"],
        ),
    ],
) -> Response:
    """List destinations by slug, each with its actions, their fields, presets and connection settings."""
    found = await activations.list_supported_destinations(
        session,
        space_id,
        audience_type,
        slug=read_text(request, "slug"),
        action_id=read_text(request, "actionId"),
        actor=scene.actor,
    )
    return answer({"destinations": {one.slug: _entry(one) for one in found}})


def _entry(definition: Definition) -> dict[str, Any]:
    return {
        "id": definition.metadata_id,
        "name": definition.name,
        "slug": definition.slug,
        "description": definition.description,
        "type": "destination",
        "actions": [_action(action) for action in definition.actions],
        "presets": [
            {
                "actionId": preset.action_id,
                "name": preset.name,
                "fields": {},
                "trigger": preset.activation_type,
            }
            for preset in definition.presets
        ],
        "connectionSettings": [_setting(field) for field in definition.connection_settings],
    }


def _action(action: Action) -> dict[str, Any]:
    return {
        "id": action.id,
        "slug": action.slug,
        "name": action.name,
        "description": action.description,
        "platform": "CLOUD",
        "hidden": False,
        "defaultTrigger": action.default_trigger,
        "fields": [_field(action, order, field) for order, field in enumerate(action.fields)],
    }


def _field(action: Action, order: int, field: ActionField) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": f"{action.id}-{field.key}",
        "sortOrder": order,
        "fieldKey": field.key,
        "label": field.label,
        "type": field.type,
        "description": field.description,
        "required": field.required,
        "multiple": field.multiple,
        "dynamic": field.dynamic,
        "allowNull": field.allow_null,
        "hidden": field.hidden,
    }
    if field.default is not None:
        entry["defaultValue"] = field.default
    if field.choices is not None:
        entry["choices"] = list(field.choices)
    return entry


def _setting(field: SettingField) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": field.name, "type": field.type, "required": field.required}
    if field.label:
        entry["label"] = field.label
    if field.description:
        entry["description"] = field.description
    if field.default is not None:
        entry["defaultValue"] = field.default
    return entry
