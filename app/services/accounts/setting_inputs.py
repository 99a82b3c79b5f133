"""The inputs of a form for the settings of an account, from the connector's model, and what a filled-in form means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from app.connectors import registry
from app.connectors.base import Connector
from app.core import clock
from app.core.errors import Invalid, Problem
from app.domain.setting_labels import setting_label

Kind = Literal["secret", "choice", "boolean", "number", "object", "text"]
_KINDS: Mapping[str, Kind] = {"integer": "number", "number": "number", "boolean": "boolean"}


@dataclass(frozen=True, slots=True)
class SettingInput:
    """One setting as an input: ``is_required`` if the user must enter it, ``is_generated`` if the service creates it.

    ``is_target``: it decides the host that is called.
    """

    name: str
    label: str
    kind: Kind
    description: str
    example: str
    choices: Sequence[str]
    is_required: bool
    is_generated: bool
    is_target: bool

    @property
    def decides_access(self) -> bool:
        """Whether a wrong value shuts the account out: a secret, or the target host."""
        return self.is_target or self.kind == "secret"


def settings_inputs(connector: type[Connector]) -> Sequence[SettingInput]:
    """Return the inputs of a destination, required ones first. Times are left out: the service sets them."""
    schema = connector.settings_model.model_json_schema()
    _, generated = registry.complete_settings(connector, {}, now=clock.now())
    required = set(schema.get("required", ())) - set(generated)
    targets = connector.settings_model.where_to
    found = [
        _input(name, field, name in required, name in generated, name in targets)
        for name, field in schema["properties"].items()
        if _form(field).get("format") != "date-time"
    ]
    return sorted(found, key=lambda one: not one.is_required)


def settings_of_inputs(inputs: Sequence[SettingInput], filled: Mapping[str, str]) -> dict[str, Any]:
    """Return ``{name: value}`` of the inputs that were filled in. Raises Invalid for a text that is no number or object."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for one in inputs:
        if text := filled.get(one.name, ""):
            try:
                values[one.name] = _value(one.kind, text)
            except ValueError:
                wanted = "a JSON object" if one.kind == "object" else "a whole number"
                field = f"settings.{one.name}"
                problems.append(Problem(f'"{field}": must be {wanted}', field))
    if problems:
        raise Invalid("the settings do not fit", problems=problems)
    return values


def _input(
    name: str, field: Mapping[str, Any], required: bool, generated: bool, target: bool
) -> SettingInput:
    form = _form(field)
    kind = _kind(form)
    example = next(iter(field.get("examples", ())), "")
    return SettingInput(
        name,
        field.get("title") or setting_label(name),
        kind,
        field.get("description", ""),
        example if isinstance(example, str) else orjson.dumps(example).decode(),
        [str(choice) for choice in form.get("enum", ())],
        required,
        generated,
        is_target=target,
    )


def _form(field: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a value that is not null."""
    return next((one for one in field.get("anyOf", ()) if one.get("type") != "null"), field)


def _kind(form: Mapping[str, Any]) -> Kind:
    if form.get("format") == "password":
        return "secret"
    if form.get("enum"):
        return "choice"
    named = str(form.get("type"))
    return _KINDS.get(named, "text" if named == "string" else "object")


def _value(kind: Kind, text: str) -> Any:
    if kind == "number":
        return int(text)
    if kind == "boolean":
        return text == "true"
    return orjson.loads(text) if kind == "object" else text
