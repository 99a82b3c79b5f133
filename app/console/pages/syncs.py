"""Syncs: those of all activations as one log, with filters in the address, also as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from app.console.addresses import activation_link
from app.console.csv_files import csv_file
from app.console.errors import PageRoute
from app.console.lists import api_path, page_of
from app.console.routing import get
from app.console.visits import Shown, Visit
from app.core.clock import to_wire
from app.core.errors import Invalid
from app.core.pagination import Page, PageRequest
from app.domain.status_words import SYNC_WORDS
from app.domain.sync_states import SyncState
from app.services import reports, syncs

MOST_IN_CSV = 10_000
_COLUMNS = (
    "opened_at", "finished_at", "activation", "audience", "destination", "number", "kind", "status",
    "entered", "exited", "updated", "delivered", "rejected", "skipped", "pending", "sync_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A sync in the log."""

    logged: reports.LoggedSync
    view: syncs.SyncView
    word: str
    address: str

    @property
    def took(self) -> timedelta | None:
        """From its opening to its end."""
        sync = self.logged.sync
        return sync.finished_at - sync.opened_at if sync.finished_at else None


@dataclass(frozen=True, slots=True)
class SyncsView:
    """The view model of the log."""

    page: Page[Row]
    words: Mapping[SyncState, str]
    status: str
    rejected: bool
    is_filtered: bool
    is_open: bool  # a sync of the page is under way
    csv_address: str


async def show_syncs(visit: Visit) -> Shown:
    """Show a page of the log. Raises Invalid for a status that is not known."""
    sought = _sought(visit)
    page = await _rows(visit, sought, page_of(visit))
    query = {
        "status": visit.asked("status"),
        "activationId": sought.activation_id,
        "audienceId": sought.audience_id,
        "destinationId": sought.destination_id,
        "rejected": "true" if sought.rejected else None,
    }
    view = SyncsView(
        page=page,
        words=SYNC_WORDS,
        status=visit.asked("status") or "",
        rejected=sought.rejected,
        is_filtered=any(query.values()),
        is_open=any(row.logged.sync.finished_at is None for row in page.entries),
        csv_address=api_path(visit.link("syncs.csv"), **query),
    )
    path = api_path(f"/spaces/{visit.space_id}/syncs", **query)
    return Shown("syncs.html", "Syncs", view, section="syncs", api=[path])


async def download_syncs(visit: Visit) -> Response:
    """Return up to 10,000 syncs of the log as CSV."""
    sought = _sought(visit)
    lines: list[Sequence[object]] = []
    cursor: str | None = None
    while len(lines) < MOST_IN_CSV:
        page = await _rows(visit, sought, PageRequest(1000, cursor))
        lines += [_line(row) for row in page.entries]
        cursor = page.next
        if cursor is None:
            break
    return csv_file("syncs.csv", _COLUMNS, lines)


async def _rows(visit: Visit, sought: reports.SoughtSyncs, request: PageRequest) -> Page[Row]:
    session, space_id = visit.session, visit.space_id
    page, counts = await reports.page_sync_log(session, space_id, sought, request)
    views = await syncs.view_syncs(session, space_id, [row.sync for row in page.entries], counts)
    by_id = {view.sync.id: view for view in views}
    return page.map(lambda row: _row(row, by_id[row.sync.id]))


def _row(logged: reports.LoggedSync, view: syncs.SyncView) -> Row:
    sync = logged.sync
    address = activation_link(
        sync.space_id, logged.audience_id, sync.activation_id, "syncs", sync.id
    )
    return Row(logged, view, SYNC_WORDS[sync.state], address)


def _sought(visit: Visit) -> reports.SoughtSyncs:
    status = visit.asked("status")
    if status is not None and status not in tuple(SyncState):
        raise Invalid(f'"status": must be one of {", ".join(SyncState)}', field="status")
    wanted = SyncState(status) if status else None
    return reports.SoughtSyncs(
        state=wanted,
        activation_id=visit.asked("activationId"),
        audience_id=visit.asked("audienceId"),
        destination_id=visit.asked("destinationId"),
        rejected=visit.asked("rejected") == "true",
    )


def _line(row: Row) -> Sequence[object]:
    sync, view = row.logged.sync, row.view
    return (
        to_wire(sync.opened_at), to_wire(sync.finished_at) if sync.finished_at else "",
        row.logged.activation_name, row.logged.audience_name, row.logged.destination_name,
        sync.number, sync.kind, sync.state, sync.entered, sync.exited, sync.updated,
        view.delivered, view.rejected, view.skipped, view.pending, sync.id,
    )  # fmt: skip


ROUTES = (
    PageRoute("/console/spaces/{spaceId}/syncs", get(show_syncs)),
    PageRoute("/console/spaces/{spaceId}/syncs.csv", get(download_syncs)),
)
