"""The fields that an object may have beside an unknown one, and what is said about a field: read from pydantic models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def known_fields(body: Any, location: Sequence[int | str]) -> Sequence[str]:
    """Return the names of the fields of the object at ``location`` (the keys and indexes that lead to it), in their order.

    ``body`` is the type of the whole body, such as ``DatasetInput | None``. Empty if the object is free-form.
    """
    models = list(_models(body))
    for part in location:
        if inner := [one for model in models for one in _at(model, part)]:
            models = inner
    return list(dict.fromkeys(name for model in models for name in _names(model)))


def description_of(body: Any, location: Sequence[int | str]) -> str | None:
    """Return the description of the field at ``location`` with its first example, or None."""
    *way, last = location or [""]
    models = list(_models(body))
    for part in way:
        models = [one for model in models for one in _at(model, part)] or models
    fields = (
        field
        for model in models
        for name, field in model.model_fields.items()
        if last == (field.alias or name)
    )
    return next((_described(field) for field in fields if field.description), None)


def _described(field: FieldInfo) -> str:
    examples = [one for one in field.examples or () if isinstance(one, str)]
    return f"{field.description} Example: {examples[0]}." if examples else str(field.description)


def _at(model: type[BaseModel], part: int | str) -> Iterable[type[BaseModel]]:
    """Yield the models of one field. An index, or the name of a variant, leads to no field: its model is known already."""
    for name, field in model.model_fields.items():
        if part == (field.alias or name):
            yield from _models(field.annotation)


def _names(model: type[BaseModel]) -> Iterable[str]:
    return (field.alias or name for name, field in model.model_fields.items())


def _models(kind: Any) -> Iterable[type[BaseModel]]:
    """Yield the models in a type such as ``list[Model] | None``."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        return
    for inner in get_args(kind):
        yield from _models(inner)
