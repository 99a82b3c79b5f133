"""Bodies of operations on the audit trail."""

from __future__ import annotations

from app.contract.envelope import Output, PaginationOutput


class AuditEventV1(Output):
    """An action, its actor and the resource."""

    id: str
    timestamp: str
    type: str
    actor: str
    actor_email: str | None = None
    resource_id: str
    resource_type: str
    resource_name: str


class ListAuditEventsV1Output(Output):
    """A page of the events of the token's workspace, newest first."""

    events: list[AuditEventV1]
    pagination: PaginationOutput | None = None
