"""Activations: the list of a space, with tabs, filters and the newest syncs of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.console.errors import PageRoute
from app.console.frequency_words import frequency_words, waits_for_start
from app.console.lists import api_path, page_of
from app.console.routing import get
from app.console.visits import Shown, Visit
from app.core.pagination import Page
from app.domain.activation_states import Activity
from app.domain.sync_states import SyncState
from app.services import reports

_TABS = {
    Activity.ACTIVE: "Active",
    Activity.FINISHED: "Finished",
    Activity.INACTIVE: "Inactive",
    Activity.ERROR: "Error",
}


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab with the number of its activations."""

    key: str
    label: str
    count: int
    address: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Row:
    """An activation in the list."""

    overview: reports.Overview
    status: str
    frequency: str
    recent: Sequence[reports.RecentSync]
    waits_for_start: bool  # a one-time send without a time

    @property
    def left_out(self) -> int | None:
        """Number of members that the newest sync left out; None before the first sync."""
        return self.recent[-1].left_out if self.recent else None

    @property
    def is_on_hold(self) -> bool:
        """Whether its newest sync waits for an approval."""
        return self.overview.sync_state == SyncState.HELD

    @property
    def finished(self) -> reports.RecentSync | None:
        """The sync of a one-time send that was sent; None for all others."""
        is_finished = self.overview.activity == Activity.FINISHED
        return self.recent[-1] if is_finished and self.recent else None

    @property
    def error(self) -> str:
        """The message of the last error, or nothing."""
        return str((self.overview.activation.last_error or {}).get("message", ""))


@dataclass(frozen=True, slots=True)
class ActivationsView:
    """The view model of the list."""

    tabs: Sequence[Tab]
    search: str
    page: Page[Row]
    is_filtered: bool

    @property
    def is_empty(self) -> bool:
        """Whether there is no activation in any tab."""
        return not any(tab.count for tab in self.tabs)


async def show_activations(visit: Visit) -> Shown:
    """Show a page of the activations: those of the tab, by default of the first one that has any. Raises Invalid for an unknown filter."""
    sought = reports.Sought(
        audience_id=visit.asked("audienceId"),
        destination_id=visit.asked("destinationId"),
        name=visit.asked("search"),
    )
    session, space_id = visit.session, visit.space_id
    counts = await reports.count_overview(session, space_id, sought)
    filled = next((key for key in _TABS if counts[key]), Activity.ACTIVE)
    sought = replace(sought, activity=visit.asked("activity") or filled)
    found = await reports.page_overview(session, space_id, sought, page_of(visit))
    ids = [row.activation.id for row in found.entries]
    recent = await reports.recent_syncs(session, space_id, ids)
    view = ActivationsView(
        tabs=_tabs(visit, counts, str(sought.activity)),
        search=sought.name or "",
        page=found.map(lambda row: _row(row, recent, visit.now)),
        is_filtered=any((sought.name, sought.audience_id, sought.destination_id)),
    )
    path = api_path(
        f"/spaces/{space_id}/activations",
        activity=sought.activity,
        search=sought.name,
        audienceId=sought.audience_id,
        destinationId=sought.destination_id,
    )
    return Shown("activations.html", "Activations", view, section="activations", api=[path])


def _tabs(visit: Visit, counts: Mapping[str, int], current: str) -> Sequence[Tab]:
    return [
        Tab(key, label, counts[key], visit.here(activity=key, cursor=None), key == current)
        for key, label in _TABS.items()
    ]


def _row(
    row: reports.Overview, recent: Mapping[str, Sequence[reports.RecentSync]], now: datetime
) -> Row:
    return Row(
        row,
        status=reports.overview_word(row),
        frequency=frequency_words(row.activation, now),
        recent=recent.get(row.activation.id, ()),
        waits_for_start=waits_for_start(row.activation, now),
    )


ROUTES = (PageRoute("/console/spaces/{spaceId}/activations", get(show_activations)),)
