"""Bodies of the list of all activations of a space."""

from __future__ import annotations

from typing import Annotated

from app.contract.extensions.base import Output, PaginationOutput
from app.contract.extensions.frequencies import Frequency
from app.contract.fields import (
    ActivationId,
    ActivationName,
    ActivationState,
    AudienceId,
    AudienceName,
    ConnectionId,
    CreatedAt,
    DestinationId,
    LastError,
    LastSyncedAt,
    NextDueAt,
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
    state: ActivationState
    activity: Annotated[
        str,
        about(
            "`active`: it sends, or will send again. `finished`: a one-time send that was sent. `error`: an error stopped it. "
            "`inactive`: all others.",
            "active",
            "finished",
        ),
    ]
    status: Annotated[Status, about("What the newest sync says, in Segment's words.", "Complete")]
    frequency: Annotated[Frequency, about("When syncs start.")]
    next_due_at: NextDueAt
    last_synced_at: LastSyncedAt
    last_error: LastError
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
