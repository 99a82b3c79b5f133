"""Base models of bodies: inputs that treat null as absent, outputs, pagination and errors."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from app.core.described import about

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

    count: Annotated[
        int,
        Field(ge=1, le=1000),
        about(
            "Maximum number of entries of the page, from 1 to 1000. Lists of audiences return 200 at most.",
            50,
        ),
    ]
    cursor: Annotated[
        Text | None,
        about(
            "A `current`, `next` or `previous` of an earlier response. Leave it out for the first page.",
            "WyJhIiwiYXVkXzB2SzNtUjJIc0Q4cEw0alQ2dVhhR2IiXQ==",
        ),
    ] = None


class PaginationOutput(Output):
    """The cursors of this page, the next and the previous one."""

    current: Annotated[str, about("Cursor of this page.", "WyJmIl0=")]
    next: Annotated[
        str | None,
        about(
            "Cursor of the next page. Null, or absent, on the last page.",
            None,
            "WyJhIiwiYXVkXzB2SzNtUjJIc0Q4cEw0alQ2dVhhR2IiXQ==",
        ),
    ] = None
    previous: Annotated[
        str | None,
        about(
            "Cursor of the previous page. Null, or absent, on the first page.",
            None,
            "WyJiIiwiYXVkXzB2SzNtUjJIc0Q4cEw0alQ2dVhhR2IiXQ==",
        ),
    ] = None
    total_entries: Annotated[int | None, about("Number of entries of all pages.", 1)] = None


class RequestError(Output):
    """One error of a request."""

    type: Annotated[
        str,
        about(
            "Kind of the error, for programs: `bad-request`, `unauthorized`, `forbidden`, `not-found`, "
            "`method-not-allowed`, `not-acceptable`, `conflict`, `payload-too-large`, "
            "`unsupported-media-type`, `input-validation`, `RequestError` (too many requests), `internal`, "
            "`unavailable`, `insufficient-storage`.",
            "input-validation",
        ),
    ]
    message: Annotated[
        str | None,
        about(
            "What is wrong, and the way out, as a sentence for people.",
            '"activationName" is required.',
        ),
    ] = None
    field: Annotated[
        str | None,
        about(
            "Path of the field that is wrong, with dots between its parts. Absent if the error is not about "
            "one field.",
            "activationName",
        ),
    ] = None
    data: Annotated[
        Any,
        about(
            "Further values for programs, by the type of the error. Of 429: `remainingPoints`, `msBeforeNext` "
            "and `consumedPoints`.",
            None,
            {"remainingPoints": 0, "msBeforeNext": 41250, "consumedPoints": 51},
        ),
    ] = None
    status: Annotated[
        float | None, about("HTTP status of the error, if it is repeated in the body.", 422)
    ] = None


class RequestErrorEnvelope(Output):
    """The body of every error response."""

    errors: Annotated[
        list[RequestError],
        Field(min_length=1),
        about("All errors of the request, at least one. A validation reports every fault at once."),
    ]


class RemovalOutput(Output):
    """The result of a removal."""

    status: Annotated[str, about("Always `SUCCESS`. A failure has another HTTP status.", "SUCCESS")]
