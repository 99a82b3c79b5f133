"""Audit: who changed what in the workspace, from what to what, with filters in the address, also as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import Response

from app.console.csv_files import csv_file
from app.console.errors import PageRoute
from app.console.event_texts import EventRow, event_row
from app.console.lists import api_path, page_of
from app.console.routing import get
from app.console.visits import Shown, Visit
from app.core.clock import to_wire
from app.core.errors import Invalid
from app.core.pagination import Page, PageRequest
from app.services import tenancy

MOST_IN_CSV = 10_000
_COLUMNS = ("timestamp", "type", "resource_type", "resource_name", "resource_id", "actor", "id")
_ACTOR_NAME = "actor_name"
_CHANGE = ("field", "before", "after")


@dataclass(frozen=True, slots=True)
class AuditView:
    """The view model of the trail."""

    page: Page[EventRow]
    resources: Sequence[str]
    is_filtered: bool
    csv_address: str


async def show_audit(visit: Visit) -> Shown:
    """Show a page of the events of the workspace, newest first. Raises Invalid for a day that is not one."""
    wanted = _wanted(visit)
    found = await tenancy.page_events(
        visit.session, visit.caller.workspace_id, wanted, page_of(visit)
    )
    asked = {name: visit.asked(name) for name in ("resourceType", "resourceId", "from", "to")}
    view = AuditView(
        page=found.map(lambda event: event_row(event, visit.caller)),
        resources=tenancy.RESOURCE_TYPES,
        is_filtered=any(asked.values()),
        csv_address=api_path(visit.link("audit.csv"), **asked),
    )
    path = api_path(
        "/audit-changes",
        startTime=to_wire(wanted.start) if wanted.start else None,
        endTime=to_wire(wanted.end) if wanted.end else None,
        resourceType=wanted.resource_type,
        resourceId=wanted.resource_id,
    )
    actors = [event.actor for event in found.entries]
    return Shown("audit.html", "Audit", view, section="audit", api=[path], actors=actors)


async def download_audit(visit: Visit) -> Response:
    """Return about 10,000 changes as CSV, one a line; an event without changes has one line. Raises Invalid for a day that is not one."""
    wanted = _wanted(visit)
    lines: list[Sequence[object]] = []
    cursor: str | None = None
    while len(lines) < MOST_IN_CSV:
        page = await tenancy.page_events(
            visit.session, visit.caller.workspace_id, wanted, PageRequest(1000, cursor)
        )
        actors = [event.actor for event in page.entries]
        names = await tenancy.actor_names(visit.session, visit.caller.workspace_id, actors)
        for event in page.entries:
            lines += _lines(event_row(event, visit.caller), names.get(event.actor, ""))
        cursor = page.next
        if cursor is None:
            break
    return csv_file("audit.csv", (*_COLUMNS, _ACTOR_NAME, *_CHANGE), lines)


def _lines(row: EventRow, actor_name: str) -> Sequence[Sequence[object]]:
    event = row.event
    given = (getattr(event, name) for name in _COLUMNS[1:])
    begin = (to_wire(event.timestamp), *given, actor_name)
    return [(*begin, one.label, one.before, one.after) for one in row.changes or ()] or [
        (*begin, "", "", "")
    ]


def _wanted(visit: Visit) -> tenancy.Filter:
    wanted = tenancy.Filter(
        start=_day(visit, "from"),
        end=_day(visit, "to"),
        resource_id=visit.asked("resourceId"),
        resource_type=visit.asked("resourceType"),
    )
    return tenancy.in_order(wanted, start="from", end="to")


def _day(visit: Visit, name: str) -> datetime | None:
    if (text := visit.asked(name)) is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid(f'"{name}": must be a day such as 2026-01-31', field=name) from None


ROUTES = (
    PageRoute("/console/spaces/{spaceId}/audit", get(show_audit)),
    PageRoute("/console/spaces/{spaceId}/audit.csv", get(download_audit)),
)
