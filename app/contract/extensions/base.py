"""Base models of the extensions: inputs that reject unknown keys."""

from __future__ import annotations

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from app.contract.envelope import Input, Output, PaginationOutput, RemovalOutput
from app.contract.fields import Time


class StrictInput(Input):
    """A request body of an extension. An unknown key is an error 422, so that misspelled keys are noticed."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=False
    )


REMOVED = RemovalOutput(status="SUCCESS")

__all__ = [
    "REMOVED",
    "Output",
    "PaginationOutput",
    "RemovalOutput",
    "StrictInput",
    "Time",
]
