"""Base models of bodies: inputs that treat null as absent, outputs, pagination and errors."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Name = Annotated[str, Field(min_length=1, max_length=255)]
Text = Annotated[str, Field(max_length=65_536)]


class Input(BaseModel):
    """A request body, or a part of one. Scalars are not converted, unknown keys are dropped, null means absent."""

    model_config = ConfigDict(
        strict=True, extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=False
    )

    #: JSON names of fields for which null does not mean absent.
    nullable: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: item for key, item in value.items() if item is not None or key in cls.nullable}

    def given(self, field: str) -> bool:
        """Return whether the request contains a field, named as in Python."""
        return field in self.model_fields_set


class Output(BaseModel):
    """A part of a response. Fields that were not set are omitted; an explicit null is kept."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True
    )

    def to_wire(self) -> dict[str, Any]:
        """Convert the model to ``{JSON name: value}``."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class PaginationInput(Input):
    """The maximum number of entries to return, and the cursor to start from."""

    count: Annotated[int, Field(ge=1, le=1000)]
    cursor: Text | None = None


class PaginationOutput(Output):
    """The cursors of this page, the next and the previous one."""

    current: str
    next: str | None = None
    previous: str | None = None
    total_entries: int | None = None


class RequestError(Output):
    """One error of a request."""

    type: str
    message: str | None = None
    field: str | None = None
    data: Any = None
    status: float | None = None


class RequestErrorEnvelope(Output):
    """The body of every error response."""

    errors: Annotated[list[RequestError], Field(min_length=1)]


class RemovalOutput(Output):
    """The result of a removal."""

    status: str
