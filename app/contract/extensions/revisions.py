"""Revisions of an activation on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, Time


class RevisionOutput(Output):
    """One configuration of an activation, which never changes."""

    id: str
    number: int
    created_at: Time
    created_by: str
    changed: list[str] = Field(description="Parts that differ from the revision before")
    config: dict[str, Any]


class RevisionsData(Output):
    """A page of revisions, the newest first."""

    revisions: list[RevisionOutput]
    delivered: int | None = Field(description="Number of the one that the last complete sync sent")
    pagination: PaginationOutput
