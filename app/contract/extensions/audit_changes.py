"""Bodies of the operation that lists events with what they changed."""

from __future__ import annotations

from typing import Annotated, Any

from app.contract.audit_events import AuditEventV1
from app.contract.extensions.base import Output, PaginationOutput
from app.core.described import about

_VALUE = (
    'As the API shows it. Null: absent. A secret is `{"set": true}`. A value of more than 2,000 characters is cut to the '
    "part that differs, as text that ends with its length."
)


class AuditChangeOutput(Output):
    """A changed field of a resource. Equal values before and after: a secret was replaced."""

    field: Annotated[
        str,
        about(
            "Path of the field in the representation of the resource, such as `definition.query`. Delivery options begin with "
            "`deliveryOptions.`, schedules of an audience with `schedules.<id>.`, options of a space with `options.`.",
            "deliveryOptions.brake.maxRemovalPercent",
        ),
    ]
    before: Annotated[Any, about("Value before the event. " + _VALUE, 30)]
    after: Annotated[Any, about("Value after the event. " + _VALUE, 60)]


class ChangedEventOutput(AuditEventV1):
    """An event with what it changed, and the name of its token."""

    actor_name: Annotated[
        str | None,
        about("Name of the token that did it. Null if the service did it.", "marketing", None),
    ]
    changes: Annotated[
        list[AuditChangeOutput] | None,
        about(
            "The changed fields: of a new resource all, with `before` null, of a removed one all, with `after` null; at most 200. "
            "Null: the event changes no settings (uploads, runs, syncs, reads), it is older than this operation, or it is about a token "
            "and the caller does not have the scope `operator`.",
        ),
    ]
    omitted_changes: Annotated[int, about("Number of changes beyond the first 200.", 0)]


class ChangedEventsData(Output):
    """A page of the events of the token's workspace with their changes, newest first."""

    events: Annotated[list[ChangedEventOutput], about("The events of this page, newest first.")]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]
