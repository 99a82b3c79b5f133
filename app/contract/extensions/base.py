"""Base models of the extensions: inputs that reject unknown keys, and times as text."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.contract.envelope import Input, Output, PaginationOutput, RemovalOutput
from app.core.clock import to_wire


class StrictInput(Input):
    """A request body of an extension. An unknown key is an error 422, so that misspelled keys are noticed."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=False
    )


def _text(value: object) -> object:
    return to_wire(value) if isinstance(value, datetime) else value


Time = Annotated[
    str,
    BeforeValidator(_text),
    Field(
        description="A time in RFC 3339, in UTC, with milliseconds.",
        examples=["2026-01-31T12:00:00.000Z"],
    ),
]


REMOVED = RemovalOutput(status="SUCCESS")

__all__ = [
    "REMOVED",
    "Output",
    "PaginationOutput",
    "RemovalOutput",
    "StrictInput",
    "Time",
]
