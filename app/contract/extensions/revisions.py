"""Bodies of operations on the revisions of an activation."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, Time


class RevisionOutput(Output):
    """An immutable configuration of an activation."""

    id: str
    number: int
    created_at: Time
    created_by: str
    changed: list[str] = Field(description="Parts that differ from the previous revision")
    config: dict[str, Any]


class RevisionsData(Output):
    """A page of revisions, newest first."""

    revisions: list[RevisionOutput]
    delivered: int | None = Field(
        description="Number of the revision that the last complete sync sent"
    )
    pagination: PaginationOutput
