"""Mapped fields that are the same for all members: each value is checked when it is saved, as nothing maps it later."""

from __future__ import annotations

from collections.abc import Mapping
from types import GenericAlias
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.connectors.base import Action, ActionField
from app.core.errors import Problem

# What the types of fields are in JSON; all others are texts.
_TYPES: Mapping[str, Any] = {
    "INTEGER": int,
    "NUMBER": float,
    "BOOLEAN": bool,
    "OBJECT": dict[str, Any],
}
_WORDS = {
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "list_type": "must be a list",
}


def constant_field_faults(
    action: Action, settings: Mapping[str, Any], pointer: str
) -> list[Problem]:
    """A problem for each constant field of an action whose value does not fit, at ``<pointer>/<field>``.

    Null is no value, and for a text neither is an empty one. A number without a fraction is whole, as JSON has it.
    """
    return [
        problem
        for field in action.fields
        if field.constant and not _is_unset(field, settings.get(field.key))
        for problem in _faults(field, settings[field.key], f"{pointer}/{field.key}")
    ]


def _is_unset(field: ActionField, value: Any) -> bool:
    is_text = field.type not in _TYPES and not field.multiple
    return value is None or (is_text and value == "")


def _faults(field: ActionField, value: Any, pointer: str) -> list[Problem]:
    if _has_directive(value):
        words = "is the same for all members: give a value, no directive"
        return [Problem(f"{pointer} {words}", pointer)]
    one: Any = field.accepts or _TYPES.get(field.type, str)
    wanted: Any = GenericAlias(list, one) if field.multiple else one
    if field.type == "INTEGER" and isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        TypeAdapter(wanted).validate_python(value, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return [_problem(dict(fault), pointer) for fault in found]
    choices = field.choices if field.accepts is None else None
    if choices is not None and any(item not in choices for item in _each(field, value)):
        named = ", ".join(str(choice) for choice in choices)
        return [Problem(f"{pointer} must be one of {named}", pointer)]
    return []


def _each(field: ActionField, value: Any) -> list[Any]:
    return value if field.multiple else [value]


def _problem(fault: Mapping[str, Any], pointer: str) -> Problem:
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in fault["loc"]]
    where = "/".join([pointer, *parts])
    message = _WORDS.get(fault["type"], str(fault["msg"]).removeprefix("Value error, "))
    message = message.replace("Input should be", "must be", 1)
    return Problem(f"{where} {message[:1].lower()}{message[1:]}", where)


def _has_directive(value: Any) -> bool:
    if isinstance(value, dict):
        return any(key.startswith("@") for key in value) or any(
            _has_directive(item) for item in value.values()
        )
    return isinstance(value, list) and any(_has_directive(item) for item in value)
