"""Bodies of the list of all activations of a space."""

from __future__ import annotations

from typing import Annotated, Any

from app.contract.extensions.base import Output, PaginationOutput, Time
from app.contract.extensions.frequencies import Frequency
from app.contract.fields import (
    ActivationId,
    ActivationName,
    AudienceId,
    AudienceName,
    ConnectionId,
    CreatedAt,
    DestinationId,
    Slug,
    UpdatedAt,
)
from app.core.described import about
from app.domain.status_words import Status


class OverviewAudienceOutput(Output):
    """The audience of an activation."""

    id: AudienceId
    name: AudienceName


class OverviewDestinationOutput(Output):
    """The account of an activation."""

    id: DestinationId
    name: Annotated[str, about("Name of the account.", "Our receiver")]
    slug: Slug


class OverviewOutput(Output):
    """An activation, its audience, account and status."""

    id: ActivationId
    name: ActivationName
    activation_type: Annotated[
        str,
        about(
            "Which changes are sent: profiles that enter, that exit, or both (`Audience Membership Changed`); "
            "for linked audiences the same of entities.",
            "Audience Membership Changed",
        ),
    ]
    audience: Annotated[OverviewAudienceOutput, about("The audience.")]
    destination: Annotated[
        OverviewDestinationOutput, about("The account that the activation sends to.")
    ]
    connection_id: ConnectionId | None
    enabled: Annotated[bool, about("Whether changes are sent automatically.", True)]
    state: Annotated[
        str,
        about(
            "`active`, `inactive` (not enabled) or `error` (paused until it is fixed).", "active"
        ),
    ]
    status: Annotated[Status, about("What the newest sync says, in Segment's words.", "Complete")]
    frequency: Annotated[Frequency, about("When syncs start.")]
    next_due_at: Annotated[
        Time | None,
        about(
            "Time at which the frequency starts the next sync. Null if it does not depend on the clock.",
            "2026-02-01T05:30:00.000Z",
        ),
    ]
    last_synced_at: Annotated[
        Time | None,
        about(
            "Time at which the last sync was complete. Null before the first.",
            "2026-01-31T05:31:07.000Z",
        ),
    ]
    last_error: Annotated[
        Any,
        about(
            "The last error: `message` for people, `code` for programs. Null without one.",
            None,
            {
                "code": "unauthorized",
                "message": "Klaviyo refuses the API key (HTTP 401).",
                "at": "2026-01-31T12:00:00.000Z",
            },
        ),
    ]
    held: Annotated[int, about("Number of held keys.", 1204)]
    created_at: CreatedAt
    updated_at: UpdatedAt


class OverviewData(Output):
    """A page of activations."""

    activations: Annotated[
        list[OverviewOutput], about("The activations of this page, oldest first.")
    ]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]
