"""Base models of the extensions: inputs that reject unknown keys."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from app.contract.envelope import Input, Output, PaginationOutput, RemovalOutput
from app.contract.fields import Time


class StrictInput(Input):
    """A request body of an extension. An unknown key is an error 422, so that misspelled keys are noticed, also if it is null."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=False
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = {field.alias for field in cls.model_fields.values()} - cls.nullable
        return {key: item for key, item in value.items() if item is not None or key not in known}


REMOVED = RemovalOutput(status="SUCCESS")

__all__ = [
    "REMOVED",
    "Output",
    "PaginationOutput",
    "RemovalOutput",
    "StrictInput",
    "Time",
]
