"""The catalogue: which destinations an audience may be sent to, and what they need; and checks against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors import registry
from app.connectors.base import Action, ActionField, Connector, Definition, SettingField
from app.core.errors import Invalid, Problem
from app.mapping import plain_path, validate
from app.services import audit, constant_fields
from app.services.planning import column_of

_MAPPING = "/destinationMapping/settings"
# Where an event carries what a column can be made of: identifiers and traits (the architecture, section 10).


async def list_supported(
    session: AsyncSession,
    space_id: str,
    audience_type: str,
    *,
    slug: str | None,
    action_id: str | None,
    actor: str,
) -> dict[str, Any]:
    """``supported``, noted in the audit trail of the space."""
    await audit.record(
        session,
        space_id=space_id,
        type="Supported Destinations Listed For Audience",
        actor=actor,
        resource_type="space",
        resource_id=space_id,
        resource_name=audience_type,
    )
    return supported(audience_type, slug=slug, action_id=action_id)


def supported(
    audience_type: str, *, slug: str | None = None, action_id: str | None = None
) -> dict[str, Any]:
    """Destinations for a type of audience, by slug, in the contract's shape; filters that fit nothing leave nothing."""
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


def check_connection_settings(connector: type[Connector], settings: Mapping[str, Any]) -> None:
    """Invalid, with a problem for each fault, where a connection's settings do not fit the destination."""
    problems = [
        Problem(
            f'"connectionSettings.{field.name}" is required', f"connectionSettings.{field.name}"
        )
        for field in connector.definition.connection_settings
        if field.required and field.default is None and settings.get(field.name) is None
    ]
    model = registry.connection_settings_model(connector)
    if not problems and model is not None:
        try:
            model.model_validate(dict(settings))
        except ValidationError as error:
            problems = [_problem(dict(fault)) for fault in error.errors(include_input=False)]
    if problems:
        raise Invalid("invalid connectionSettings", problems=problems)


def _problem(fault: Mapping[str, Any]) -> Problem:
    path = ".".join(["connectionSettings", *(str(part) for part in fault["loc"])])
    message = str(fault["msg"]).removeprefix("Value error, ")
    return Problem(f'"{path}": {message}', path)


def check_mapping(definition: Definition, mapping: Mapping[str, Any]) -> None:
    """Invalid where a mapping names no action of the destination, or its settings cannot be run."""
    actions = {action.id: action for action in definition.actions}
    if not actions:
        raise Invalid(
            f"{definition.name} takes no destinationMapping; it is set up by connectionSettings",
            field="destinationMapping",
        )
    action = actions.get(mapping["actionId"])
    if action is None:
        raise Invalid(
            f'"destinationMapping.actionId": {definition.name} has the actions {", ".join(actions)}',
            field="destinationMapping.actionId",
        )
    settings = mapping.get("settings") or {}
    problems = [_fault(fault) for fault in validate(settings)]
    problems += _required_faults(action, settings)
    problems += constant_fields.faults(action, settings, _MAPPING)
    problems += _identity_faults(definition, settings)
    if problems:
        raise Invalid("invalid destinationMapping", problems=problems)


def _fault(fault: str) -> Problem:
    """A fault of the mapping language begins with its location and a blank."""
    location, _, message = fault.partition(" ")
    pointer = (_MAPPING + location).rstrip("/")
    return Problem(f"{pointer} {message}", pointer)


def _required_faults(action: Action, settings: Mapping[str, Any]) -> list[Problem]:
    return [
        Problem(f"{_MAPPING}/{field.key} is required", f"{_MAPPING}/{field.key}")
        for field in action.fields
        if field.required and settings.get(field.key, field.default) is None
    ]


def _identity_faults(definition: Definition, settings: Mapping[str, Any]) -> list[Problem]:
    """Identity is chosen before the plan, by columns: only a plain path to an identifier or a trait becomes one."""
    return [
        Problem(
            f'{_MAPPING}/{field.name} names the member: only {{"@path": …}} to an identifier or a trait fits here',
            f"{_MAPPING}/{field.name}",
        )
        for field in definition.identity_fields
        if field.name in settings and not _is_column(settings[field.name])
    ]


def _is_column(value: Any) -> bool:
    path = plain_path(value)
    return path is not None and column_of(path) is not None
