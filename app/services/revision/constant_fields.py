"""Checks of constant fields, whose values are the same for all members, when a mapping is saved."""

from __future__ import annotations

from collections.abc import Mapping
from types import GenericAlias
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.connectors.base import Action, ActionField
from app.core.errors import Problem
from app.core.sentences import validation_words
from app.core.suggestions import did_you_mean

# JSON types by type of field; all other types are strings.
_TYPES: Mapping[str, Any] = {
    "INTEGER": int,
    "NUMBER": float,
    "BOOLEAN": bool,
    "OBJECT": dict[str, Any],
}


def constant_field_faults(
    action: Action, settings: Mapping[str, Any], pointer: str
) -> list[Problem]:
    """Return a problem for each constant field of an action whose value does not fit, at ``<pointer>/<field>``.

    Null counts as unset, and so does an empty string. A number without a fraction is a whole number, as in JSON.
    """
    return [
        problem
        for field in action.fields
        if field.constant and not _is_unset(field, settings.get(field.key))
        for problem in _faults(field, settings[field.key], f"{pointer}/{field.key}")
    ]


def _is_unset(field: ActionField, value: Any) -> bool:
    is_string = field.type not in _TYPES and not field.multiple
    return value is None or (is_string and value == "")


def _faults(field: ActionField, value: Any, pointer: str) -> list[Problem]:
    if _has_directive(value):
        words = "is the same for all members: give a value, not a directive"
        return [Problem(f"{pointer} {words}", pointer)]
    item: Any = field.accepts or _TYPES.get(field.type, str)
    expected: Any = GenericAlias(list, item) if field.multiple else item
    if field.type == "INTEGER" and isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        TypeAdapter(expected).validate_python(value, strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        return [_problem(dict(fault), pointer) for fault in faults]
    choices = field.choices if field.accepts is None else None
    if choices is not None and any(entry not in choices for entry in _each(field, value)):
        named = [str(choice) for choice in choices]
        hint = did_you_mean(value, named) if isinstance(value, str) else ""
        return [Problem(f"{pointer} must be one of {', '.join(named)}.{hint}", pointer)]
    return []


def _each(field: ActionField, value: Any) -> list[Any]:
    return value if field.multiple else [value]


def _problem(fault: Mapping[str, Any], pointer: str) -> Problem:
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in fault["loc"]]
    where = "/".join([pointer, *parts])
    return Problem(f"{where} {validation_words(fault)}", where)


def _has_directive(value: Any) -> bool:
    if isinstance(value, dict):
        return any(key.startswith("@") for key in value) or any(
            _has_directive(item) for item in value.values()
        )
    return isinstance(value, list) and any(_has_directive(item) for item in value)
