"""Base models of the extensions: inputs that reject unknown keys."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from app.contract import envelope
from app.contract.envelope import Input, Output, PaginationOutput, RemovalOutput
from app.contract.fields import Time
from app.domain.names import checked_name

#: A name with at least one visible character. Segment's bodies take any text of 1 to 255 characters.
Name = Annotated[
    envelope.Name, AfterValidator(checked_name), Field(json_schema_extra={"pattern": r"\S"})
]


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
    "Name",
    "Output",
    "PaginationOutput",
    "RemovalOutput",
    "StrictInput",
    "Time",
]
