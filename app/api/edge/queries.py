"""Query parameters: texts, and objects in each of the forms that clients send.

``pagination={"count": 2}`` (JSON) · ``pagination[count]=2`` · ``pagination.count=2`` · and
``pagination=pagination.count=2``, the form on Segment's reference page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from fastapi import Request
from pydantic import ValidationError

from app.contract.envelope import Input
from app.core.errors import Invalid, Problem
from app.core.sent_json import check_value
from app.core.sentences import validation_words

M = TypeVar("M", bound=Input)
E = TypeVar("E", bound=StrEnum)

_DECIMAL = re.compile(r"-?\d{1,18}")


def read_object(
    request: Request, name: str, numbers: frozenset[str] = frozenset()
) -> dict[str, Any] | None:
    """Read an object from the query as ``{field: value}``; None if the query does not contain it.

    ``numbers`` are the fields whose digits are converted to integers. Raises Invalid for any other value.
    """
    found: dict[str, Any] = {}
    given = False
    for key, value in request.query_params.multi_items():
        if key == name:
            if value.strip() not in ("", "null"):
                given = True
                found.update(_whole(name, value, numbers))
            continue
        field = _field(key, name)
        if field is not None:
            given = True
            found[field] = _number(value) if field in numbers else value
    if not given:
        return None
    check_value({name: found})
    return found


def _field(key: str, name: str) -> str | None:
    if key.startswith(f"{name}[") and key.endswith("]"):
        return key[len(name) + 1 : -1]
    if key.startswith(f"{name}."):
        return key[len(name) + 1 :]
    return None


def _whole(name: str, value: str, numbers: frozenset[str]) -> Mapping[str, Any]:
    text = value.strip()
    if text.startswith(f"{name}.") and "=" in text:
        pairs = (item.partition("=") for item in re.split(r"[&,]", text))
        return {
            key.removeprefix(f"{name}."): _number(item)
            if key.removeprefix(f"{name}.") in numbers
            else item
            for key, _, item in pairs
        }
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = text
    if not isinstance(parsed, dict):
        raise Invalid(f'"{name}": must be an object', field=name)
    return parsed


def _number(text: str) -> int | str:
    return int(text) if _DECIMAL.fullmatch(text) else text


def validated(model: type[M], value: Mapping[str, Any], name: str) -> M:
    """Validate an object. Raises Invalid; the paths of its problems start with ``name``."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(
            "invalid input",
            problems=[_problem(dict(fault), name) for fault in error.errors()],
        ) from None


def _problem(fault: dict[str, Any], name: str) -> Problem:
    path = ".".join(str(part) for part in (name, *fault["loc"]) if part != "")
    return Problem(validation_words(fault), path)


def read_text(request: Request, name: str, *, longest: int = 255) -> str | None:
    """Read an optional text from the query; an empty text counts as absent.

    Raises Invalid if it is longer than ``longest`` characters or contains a NUL character.
    """
    value = request.query_params.get(name)
    if not value:
        return None
    if len(value) > longest or "\x00" in value:
        raise Invalid(f'"{name}": at most {longest} characters, without NUL', field=name)
    return value


def read_choice(request: Request, name: str, choices: type[E]) -> E | None:
    """Read an optional member of an enumeration from the query. The rules of the operation have refused all other texts."""
    text = request.query_params.get(name)
    return None if text is None else choices(text)


def read_flag(request: Request, name: str) -> bool:
    """Read an optional flag from the query: a parameter of ``query_flag``, false by default."""
    return request.query_params.get(name) == "true"
