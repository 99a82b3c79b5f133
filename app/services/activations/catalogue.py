"""The catalogue: the destinations that an audience can be sent to, and their settings, actions and presets."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors import registry
from app.connectors.base import Action, ActionField, Definition, SettingField
from app.services.tenancy import record_event


async def list_supported_destinations(
    session: AsyncSession,
    space_id: str,
    audience_type: str,
    *,
    slug: str | None,
    action_id: str | None,
    actor: str,
) -> dict[str, Any]:
    """List destinations as ``{slug: entry}``, and record that in the space's audit trail."""
    await record_event(
        session,
        space_id=space_id,
        type="Supported Destinations Listed For Audience",
        actor=actor,
        resource_type="space",
        resource_id=space_id,
        resource_name=audience_type,
    )
    return supported_destinations(audience_type, slug=slug, action_id=action_id)


def supported_destinations(
    audience_type: str, *, slug: str | None = None, action_id: str | None = None
) -> dict[str, Any]:
    """Return ``{slug: entry}`` of the destinations that take a type of audience; ``entry`` is that of the contract."""
    return {
        definition.slug: _entry(definition)
        for definition in registry.definitions()
        if audience_type in definition.audience_types
        and (slug is None or slug in (definition.slug, *definition.aliases))
        and (action_id is None or any(action.id == action_id for action in definition.actions))
    }


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
