"""Checks of a connection's settings and of a mapping against the definition of their destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from app.connectors import registry
from app.connectors.base import Action, Connector, Definition, SettingField
from app.core.errors import Invalid, Problem
from app.core.sentences import validation_words
from app.core.suggestions import did_you_mean
from app.mapping import DIRECTIVES, liquid_faults, plain_path, validate
from app.services.revision import constant_fields
from app.services.revision.mapped_columns import column_of

_MAPPING = "/destinationMapping/settings"


def check_connection_settings(connector: type[Connector], settings: Mapping[str, Any]) -> None:
    """Check a connection's settings. Raises Invalid with a problem for each fault."""
    problems = _missing(connector, settings)
    model = registry.connection_settings_model(connector)
    if not problems and model is not None:
        try:
            model.model_validate(dict(settings))
        except ValidationError as error:
            fields = connector.definition.connection_settings
            problems = [_problem(dict(fault), fields) for fault in error.errors()]
    if problems:
        raise Invalid("invalid connectionSettings", problems=problems)


def _missing(connector: type[Connector], settings: Mapping[str, Any]) -> list[Problem]:
    return [
        Problem(
            f'"connectionSettings.{field.name}" is required', f"connectionSettings.{field.name}"
        )
        for field in connector.definition.connection_settings
        if field.required and field.default is None and settings.get(field.name) is None
    ]


def _problem(fault: Mapping[str, Any], fields: Sequence[SettingField]) -> Problem:
    path = ".".join(["connectionSettings", *(str(part) for part in fault["loc"])])
    named = {field.name: field.description for field in fields}
    description = named.get(str(fault["loc"][0])) if fault["loc"] else None
    return Problem(validation_words(fault, list(named), description), path)


def check_mapping(definition: Definition, mapping: Mapping[str, Any]) -> None:
    """Check a mapping. Raises Invalid if it names no action of the destination, or with a problem for each fault."""
    actions = {action.id: action for action in definition.actions}
    if not actions:
        raise Invalid(
            f"{definition.name} takes no destinationMapping; it is set up by connectionSettings",
            field="destinationMapping",
        )
    action = actions.get(mapping["actionId"])
    if action is None:
        raise Invalid(
            f"must be an action of {definition.name}: {', '.join(actions)}.{did_you_mean(mapping['actionId'], actions)}",
            field="destinationMapping.actionId",
        )
    settings = mapping.get("settings") or {}
    problems = [_fault(fault) for fault in (*validate(settings), *liquid_faults(settings))]
    problems += _required_faults(action, settings)
    problems += constant_fields.constant_field_faults(action, settings, _MAPPING)
    problems += _identity_faults(definition, settings)
    if problems:
        raise Invalid("invalid destinationMapping", problems=problems)


def _fault(fault: str) -> Problem:
    """Return the problem of a fault of the mapping language: its location, a space, and the message."""
    location, _, message = fault.partition(" ")
    pointer = (_MAPPING + location).rstrip("/")
    return Problem(f"{pointer} {message}{_directive_meant(message)}", pointer)


def _directive_meant(message: str) -> str:
    """Return the directive that is meant by an unknown one. The mapping language words its faults as Segment does."""
    _, found, name = message.rstrip(".").partition("an invalid directive: ")
    if not found:
        return ""
    return f"{did_you_mean(name, DIRECTIVES)} The directives are {', '.join(DIRECTIVES)}."


def _required_faults(action: Action, settings: Mapping[str, Any]) -> list[Problem]:
    return [
        Problem(f"{_MAPPING}/{field.key} is required", f"{_MAPPING}/{field.key}")
        for field in action.fields
        if field.required and settings.get(field.key, field.default) is None
    ]


def _identity_faults(definition: Definition, settings: Mapping[str, Any]) -> list[Problem]:
    """Find identity fields with another value than a plain path: the plan needs a column for each."""
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
