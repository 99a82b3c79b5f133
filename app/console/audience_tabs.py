"""The tabs of the page of an audience, and what each of them reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.console.lists import page_of
from app.console.tabs import Tab
from app.console.visits import Visit
from app.console.words import as_json
from app.core.errors import Invalid
from app.core.pagination import Page, PageRequest
from app.domain.schedules import INTERVALS, in_words
from app.services import activations, audiences, datasets, reports

ROWS = 25
_DATASETS = 50
_CONNECTIONS = 20
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


async def resolve_sent(visit: Visit, query: str) -> None:
    """Resolve a definition before it is saved, with no transaction open, since a child process does it."""
    await visit.end_transaction()
    await audiences.resolve_ahead(visit.platform, visit.space_id, query)


async def _definition(visit: Visit, audience: Any) -> Any:
    """Return the definition as it was sent, previewed or saved, with its warnings and the tables that it can read."""
    preview = None
    if wanted := visit.asked("preview"):
        preview = await audiences.get_preview(visit.session, visit.space_id, wanted)
    found = await datasets.page_datasets(visit.session, visit.space_id, PageRequest(_DATASETS))
    query = visit.sent("query") or (preview.query if preview else audience.query)
    saved = await audiences.saved_audience_warnings(visit.session, audience)
    return {
        "query": query,
        "is_saved": query == audience.query,
        "preview": preview,
        "warnings": () if visit.problems or preview else saved,
        "datasets": found.entries,
    }


async def _members(visit: Visit, audience: Any) -> Any:
    page, snapshot = await audiences.page_members(
        visit.platform,
        space_id=visit.space_id,
        audience_id=audience.id,
        request=page_of(visit, ROWS),
    )
    last = await audiences.last_upload(visit.session, visit.space_id, audience.id)
    reading = (last.input or {}).get("reading") if last else None
    return {
        "page": page,
        "snapshot": snapshot,
        "upload": last,
        "reading": reading,
        "rows": [_as_uploaded(one, reading["columns"]) for one in page.entries] if reading else (),
    }


def _as_uploaded(member: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a member as a row of its upload, for examples: ``{column: value}``."""
    identifiers: Mapping[str, Any] = member["identifiers"] or {}
    row = dict(member["traits"] or {})
    for one in columns:
        if one["role"] == "id":
            row[one["name"]] = member["member_id"]
        elif one["role"] == "identifier" and identifiers.get(one["identifier"]):
            row[one["name"]] = ", ".join(identifiers[one["identifier"]])
    return row


async def _runs(visit: Visit, audience: Any) -> Page[Any]:
    found, total = await audiences.list_runs(
        visit.session, visit.space_id, audience.id, before=visit.asked("cursor"), limit=ROWS + 1
    )
    return _newest(found, total, lambda run: run.id)


async def _snapshots(visit: Visit, audience: Any) -> Page[Any]:
    before = visit.asked("cursor")
    if before is not None and not (before.isdecimal() and len(before) < 10):
        raise Invalid('"cursor": must be the number of a snapshot', field="cursor")
    found, total = await audiences.list_snapshots(
        visit.session,
        visit.space_id,
        audience.id,
        before=int(before) if before else None,
        limit=ROWS + 1,
    )
    return _newest(found, total, lambda snapshot: str(snapshot.version))


def _newest(found: Any, total: int, key: Any) -> Page[Any]:
    entries = list(found[:ROWS])
    following = key(entries[-1]) if len(found) > ROWS else None
    return Page(entries, current="", next=following, total=total)


async def _schedule(visit: Visit, audience: Any) -> Any:
    found = await audiences.list_schedules(visit.session, visit.space_id, audience.id)
    return {
        "entries": [(one, in_words(one.config or {})) for one in found],
        "intervals": [(one, in_words({"interval": one})) for one in INTERVALS],
        "days": list(enumerate(_DAYS)),
    }


@dataclass(frozen=True, slots=True)
class ConnectedRow:
    """A connection of the audience, and the number of its activations."""

    view: activations.ConnectionView
    used: int

    @property
    def settings(self) -> Mapping[str, str]:
        """Its settings: ``{name: text}``."""
        found = self.view.connection.connection_settings or {}
        return {name: one if isinstance(one, str) else as_json(one) for name, one in found.items()}


async def _activations(visit: Visit, audience: Any) -> Any:
    """Return a page of the activations, and the connections of the audience to accounts."""
    session, space_id = visit.session, visit.space_id
    sought = reports.Sought(audience_id=audience.id)
    found = await reports.page_overview(session, space_id, sought, page_of(visit))
    connected = await activations.read_connections(
        session, space_id, audience.id, PageRequest(_CONNECTIONS)
    )
    return {
        "page": found.map(lambda row: (row, reports.overview_word(row))),
        "connections": [await _connected(visit, view) for view in connected.entries],
        "more": (connected.total or 0) - len(connected.entries),
    }


async def _connected(visit: Visit, view: activations.ConnectionView) -> ConnectedRow:
    connection = view.connection
    sought = reports.Sought(
        audience_id=connection.audience_id, destination_id=connection.destination_id
    )
    counts = await reports.count_overview(visit.session, visit.space_id, sought)
    return ConnectedRow(view, sum(counts.values()))


async def _options(visit: Visit, audience: Any) -> Any:
    return {
        "name": visit.sent("name") or audience.name,
        "description": visit.sent("description") or audience.description or "",
    }


TABS: Mapping[str, Tab] = {
    "definition": Tab("Definition", "audience/definition.html", _definition, "/checks"),
    "members": Tab("Members", "audience/members.html", _members, "/members"),
    "runs": Tab("Runs", "audience/runs.html", _runs, "/runs"),
    "snapshots": Tab("Size and history", "audience/snapshots.html", _snapshots, "/snapshots"),
    "schedule": Tab("Schedule", "audience/schedule.html", _schedule, "/schedules"),
    "activations": Tab("Activations and connections", "audience/activations.html", _activations),
    "options": Tab("Options", "audience/options.html", _options),
}
