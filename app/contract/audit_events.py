"""Bodies of operations on the audit trail."""

from __future__ import annotations

from typing import Annotated

from app.contract.envelope import Output, PaginationOutput
from app.core.described import about


class AuditEventV1(Output):
    """An action, its actor and the resource."""

    id: Annotated[str, about("Id of the event.", "evt_0vK3nB7QmX2dW9sH5gKfPv")]
    timestamp: Annotated[
        str, about("Time of the action, in RFC 3339, in UTC.", "2026-01-31T12:00:00.000Z")
    ]
    type: Annotated[str, about("What was done.", "Activation Created")]
    actor: Annotated[
        str,
        about(
            "Who did it: the API token (`public-api-token/` and its id), or the service.",
            "public-api-token/TJ7z8cg6",
        ),
    ]
    actor_email: Annotated[
        str | None,
        about(
            "Mail address of the actor, if a person with a known address did it.", "ada@example.com"
        ),
    ] = None
    resource_id: Annotated[
        str,
        about(
            "Id of the resource that was created, changed or removed.", "act_0vK3mS5VgJ9bM2rP8iUwLt"
        ),
    ]
    resource_type: Annotated[str, about("Kind of the resource.", "activation")]
    resource_name: Annotated[
        str, about("Name of the resource at the time of the action.", "Spring buyers")
    ]


class ListAuditEventsV1Output(Output):
    """A page of the events of the token's workspace, newest first."""

    events: Annotated[list[AuditEventV1], about("The events of this page, newest first.")]
    pagination: Annotated[
        PaginationOutput | None, about("The cursors of this page, the next and the previous one.")
    ] = None
