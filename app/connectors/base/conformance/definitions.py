"""Checks of the definition and of the settings model: what the catalogue and the validators rely on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from app.connectors.base.conformance.subject import Check, NotConformant, Subject, secrets_of
from app.connectors.base.definition import Action, Definition
from app.connectors.base.protocols import (
    ChecksConnectionSettings,
    CountsCost,
    Lists,
    SizesCalls,
    WholePlan,
)
from app.connectors.base.settings import ConnectorSettings

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_METADATA_ID = re.compile(r"[0-9a-f]{24}")
_FIELD_TYPES = {
    "STRING",
    "NUMBER",
    "INTEGER",
    "BOOLEAN",
    "OBJECT",
    "DATETIME",
    "TEXT",
    "PASSWORD",
    "HIDDEN",
}
_SETTING_TYPES = {"string", "number", "boolean", "object"}
_UNKNOWN = "no_setting_has_this_name"


def _require(problems: Iterator[str]) -> None:
    found = list(problems)
    if found:
        raise NotConformant("; ".join(found))


async def definition_has_an_identity(subject: Subject) -> None:
    """Check names, ids and identity fields."""
    _require(_identity(subject.connector.definition))


def _identity(definition: Definition) -> Iterator[str]:
    if not _SLUG.fullmatch(definition.slug):
        yield f"slug {definition.slug!r} must be lowercase words joined by -"
    if not _METADATA_ID.fullmatch(definition.metadata_id):
        yield f"metadata_id {definition.metadata_id!r} must be 24 hexadecimal digits"
    for name in ("name", "description", "audience_types", "actions"):
        if not getattr(definition, name):
            yield f"{name} is empty"
    if definition.key == "identifiers" and not definition.identity_fields:
        yield 'key "identifiers" needs identity_fields'
    if not all(field.name and field.external_id for field in definition.identity_fields):
        yield "an identity field needs a name and an external_id"
    yield from _duplicates("identity fields", [one.name for one in definition.identity_fields])
    yield from _duplicates("slug and aliases", [definition.slug, *definition.aliases])


async def limits_are_positive(subject: Subject) -> None:
    """Check the limits of a call and the rate budgets."""
    _require(_limits(subject))


def _limits(subject: Subject) -> Iterator[str]:
    able: Any = subject.connector
    definition: Definition = able.definition
    if definition.max_rows < 1:
        yield "max_rows must be at least 1"
    if definition.max_bytes is not None and definition.max_bytes < 1:
        yield "max_bytes must be at least 1, or None"
    for budget in definition.rate_budgets:
        if budget.calls < 1 or budget.window.total_seconds() <= 0:
            yield f"rate budget {budget.name!r} needs calls and a window above 0"
        try:
            re.compile(budget.paths)
        except re.error:
            yield f"rate budget {budget.name!r}: paths is not a regular expression"
    yield from _duplicates("rate budgets", [budget.name for budget in definition.rate_budgets])
    if isinstance(able, SizesCalls):
        settings = subject.connector.settings_model.model_validate(dict(subject.settings))
        if able.rows_per_call(settings, {}, {}) < 1:
            yield "rows_per_call must be at least 1"


async def actions_are_valid(subject: Subject) -> None:
    """Check actions, their fields, presets and connection settings."""
    _require(_actions(subject.connector.definition))


def _actions(definition: Definition) -> Iterator[str]:
    ids = [action.id for action in definition.actions]
    yield from _duplicates("action ids", ids)
    yield from _duplicates("action slugs", [action.slug for action in definition.actions])
    for action in definition.actions:
        yield from (f"action {action.id!r}: {problem}" for problem in _action(action))
    for preset in definition.presets:
        if preset.action_id not in ids:
            yield f"preset {preset.name!r} names the unknown action {preset.action_id!r}"
    settings = definition.connection_settings
    yield from _duplicates("connection settings", [one.name for one in settings])
    for one in settings:
        if one.type not in _SETTING_TYPES:
            yield f"connection setting {one.name!r} has the unknown type {one.type!r}"


def _action(action: Action) -> Iterator[str]:
    if not (action.id and action.slug and action.name):
        yield "id, slug and name are required"
    keys = [field.key for field in action.fields]
    yield from _duplicates("fields", keys)
    if action.properties_field is not None and action.properties_field not in keys:
        yield f"properties_field {action.properties_field!r} is not a field"
    if set(action.mappable_properties) - set(action.reserved_properties):
        yield "mappable_properties must be among reserved_properties"
    for field in action.fields:
        if field.type not in _FIELD_TYPES:
            yield f"field {field.key!r} has the unknown type {field.type!r}"
        if field.accepts is not None and not _is_pydantic(field.accepts):
            yield f"field {field.key!r}: accepts is not a type for pydantic"


def _is_pydantic(kind: Any) -> bool:
    try:
        TypeAdapter(kind)
    except PydanticSchemaGenerationError:
        return False
    return True


async def abilities_match_the_definition(subject: Subject) -> None:
    """Check that the class has the methods that its definition promises. Raises NotConformant if not."""
    _require(_abilities(subject.connector))


def _abilities(able: Any) -> Iterator[str]:
    definition = able.definition
    if definition.whole_plan and not isinstance(able, WholePlan):
        yield "whole_plan needs the methods of WholePlan"
    if definition.arm_places == "lists" and not isinstance(able, Lists):
        yield 'arm_places "lists" needs the methods of Lists'
    if isinstance(able, CountsCost) and not definition.cost_unit:
        yield "cost needs a cost_unit"
    if definition.connection_settings and isinstance(able, ChecksConnectionSettings):
        known = _names(able.connection_settings_model)
        for one in definition.connection_settings:
            if one.name not in known:
                yield f"connection_settings_model does not accept {one.name!r}"


def _names(model: Any) -> set[str]:
    return {
        str(name)
        for key, field in model.model_fields.items()
        for name in (key, field.alias, field.validation_alias)
        if name
    }


async def settings_are_strict(subject: Subject) -> None:
    """Check that unknown settings are refused, that secrets are hidden, and that ``where_to`` names settings. Raises NotConformant if not."""
    _require(_settings(subject))


def _settings(subject: Subject) -> Iterator[str]:
    model: Any = subject.connector.settings_model
    if not issubclass(model, ConnectorSettings):
        yield "settings_model must be a ConnectorSettings"
        return
    try:
        settings = model.model_validate(dict(subject.settings))
    except ValidationError as error:
        yield f"the settings of the subject are refused: {error.errors()[0]['msg']}"
        return
    try:
        model.model_validate({**subject.settings, _UNKNOWN: 1})
        yield "unknown settings must be refused (extra='forbid')"
    except ValidationError:
        pass
    for name in (*model.where_to, *(model.sent_there or ())):
        if name not in model.model_fields:
            yield f"where_to or sent_there names the unknown setting {name!r}"
    if any(secret in repr(settings) for secret in secrets_of(settings) if secret):
        yield "repr(settings) shows a secret"


def _duplicates(what: str, names: Sequence[str]) -> Iterator[str]:
    if len(set(names)) < len(names):
        yield f"duplicate {what}"


CHECKS: tuple[Check, ...] = (
    definition_has_an_identity,
    limits_are_positive,
    actions_are_valid,
    abilities_match_the_definition,
    settings_are_strict,
)
