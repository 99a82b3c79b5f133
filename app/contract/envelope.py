"""What every body has in common: input models that treat null as absent, and the envelopes of answers and errors."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Name = Annotated[str, Field(min_length=1, max_length=255)]
Text = Annotated[str, Field(max_length=65_536)]


class Input(BaseModel):
    """A body, or part of one: scalars are not coerced, unknown keys are dropped, null means not given."""

    model_config = ConfigDict(
        strict=True, extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=False
    )

    #: Wire names whose null has a meaning of its own.
    nullable: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: item for key, item in value.items() if item is not None or key in cls.nullable}

    def given(self, field: str) -> bool:
        """Whether the caller named this field (by its Python name)."""
        return field in self.model_fields_set


class Output(BaseModel):
    """Part of an answer: fields that were not set are left out, an explicit null stays."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True
    )

    def to_wire(self) -> dict[str, Any]:
        """The JSON value."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class PaginationInput(Input):
    """How many entries to answer, and from which cursor on."""

    count: Annotated[int, Field(ge=1, le=1000)]
    cursor: Text | None = None


class PaginationOutput(Output):
    """The cursors of this page and its neighbours."""

    current: str
    next: str | None = None
    previous: str | None = None
    total_entries: int | None = None


class RequestError(Output):
    """One thing that is wrong with a request."""

    type: str
    message: str | None = None
    field: str | None = None
    data: Any = None
    status: float | None = None


class RequestErrorEnvelope(Output):
    """The body of every error."""

    errors: Annotated[list[RequestError], Field(min_length=1)]


class RemovalOutput(Output):
    """What a removal answers."""

    status: str
