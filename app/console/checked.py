"""Values of forms, checked as the API checks the fields of a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.core.errors import Invalid, Problem
from app.core.sentences import sentence, validation_words

M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], sent: Mapping[str, Any], field: str | None = None) -> M:
    """Return the body that a form stands for. Raises Invalid with each fault, at its place, or all at one field of the form."""
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    problems = []
    for fault in faults:
        place = ".".join(str(part) for part in fault["loc"])
        problems.append(Problem(sentence(validation_words(fault), place), field or place))
    raise Invalid("invalid input", problems=problems)
