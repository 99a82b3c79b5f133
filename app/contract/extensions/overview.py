"""Bodies of the list of all activations of a space."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, Time
from app.domain.status_words import Status


class OverviewAudienceOutput(Output):
    """The audience of an activation."""

    id: str
    name: str


class OverviewDestinationOutput(Output):
    """The account of an activation."""

    id: str
    name: str
    slug: str


class OverviewOutput(Output):
    """An activation, its audience, account and status."""

    id: str
    name: str
    activation_type: str
    audience: OverviewAudienceOutput
    destination: OverviewDestinationOutput
    connection_id: str | None
    enabled: bool
    state: str = Field(description="active, inactive or error")
    status: Status
    frequency: dict[str, Any]
    next_due_at: Time | None
    last_synced_at: Time | None
    last_error: Any
    held: int
    created_at: Time
    updated_at: Time


class OverviewData(Output):
    """A page of activations."""

    activations: list[OverviewOutput]
    pagination: PaginationOutput
