"""Audiences: the list of a space, and the forms that add one from SQL or from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.console.addresses import audience_link
from app.console.audience_tabs import resolve_sent
from app.console.checked import checked
from app.console.errors import PageRoute
from app.console.lists import api_path, page_of
from app.console.routing import get, post
from app.console.uploads import removed_if_it_fails, upload_arguments
from app.console.visits import Done, Shown, Visit
from app.console.words import plural
from app.contract.audiences import AudienceSearchInput, CreateAudienceInput
from app.core.errors import Invalid, NotFound
from app.core.pagination import Page, PageRequest
from app.services import audiences, datasets

PLACES = {"NAME": "Name", "KEY": "Key", "DEFINITION": "Definition"}
SHOWN_DATASETS = 50


@dataclass(frozen=True, slots=True)
class Row:
    """An audience in the list."""

    row: audiences.AudienceRow
    status: str
    address: str


@dataclass(frozen=True, slots=True)
class AudiencesView:
    """The view model of the list."""

    page: Page[Row]
    search: str
    place: str
    places: dict[str, str]


async def show_audiences(visit: Visit) -> Shown:
    """Show a page of the audiences. Raises Invalid for a place that is not searched."""
    text, place = visit.asked("search"), visit.asked("in") or "NAME"
    search = None
    if text or place != "NAME":
        wanted = checked(AudienceSearchInput, {"type": place, "query": text or ""}, "search")
        search = audiences.Search(wanted.type, wanted.query) if text else None
    found = await audiences.page_audience_rows(
        visit.session, visit.space_id, search, page_of(visit)
    )
    page: Page[Row] = found.map(
        lambda row: Row(
            row,
            audiences.audience_status(row.view),
            audience_link(visit.space_id, row.view.audience.id),
        )
    )
    filters = {"search.type": place, "search.query": text} if text else {}
    path = api_path(f"/spaces/{visit.space_id}/audiences", **filters, include="schedules")
    return Shown(
        "audiences.html",
        "Audiences",
        AudiencesView(page, text or "", place, PLACES),
        section="audiences",
        api=[path],
    )


async def show_new(visit: Visit) -> Shown:
    """Show the form for SQL or for a file. Raises NotFound for another kind."""
    kind = visit.asked("kind") or "sql"
    if kind not in ("sql", "file"):
        raise NotFound("This page does not exist.")
    found = await datasets.page_datasets(visit.session, visit.space_id, PageRequest(SHOWN_DATASETS))
    view = {"kind": kind, "datasets": found.entries}
    return Shown(
        "audience_new.html",
        "Add an audience",
        view,
        section="audiences",
        api=[f"/spaces/{visit.space_id}/audiences"],
    )


async def add_sql(visit: Visit) -> Done:
    """Add an audience with a definition, and compute it. Raises Invalid for each fault."""
    query = visit.sent("query")
    if not query:
        raise Invalid("Enter the SQL of the definition.", field="definition.query")
    view = await _create(visit, visit.session, query)
    audience = view.audience
    await audiences.force_run(
        visit.session, visit.space_id, audience.id, actor=visit.caller.actor, now=visit.now
    )
    return Done(audience_link(visit.space_id, audience.id), f"{audience.name} was added.")


async def add_file(visit: Visit) -> Done:
    """Add an audience with uploaded members. If the file cannot be read, no audience is left. Raises Invalid for each fault."""
    arguments = upload_arguments(visit)
    async with visit.platform.unit_of_work() as session:
        audience = (await _create(visit, session, "")).audience
    space_id, actor = visit.space_id, visit.caller.actor
    async with removed_if_it_fails(
        visit,
        lambda session: audiences.remove_audience(session, space_id, audience.id, actor=actor),
    ):
        run = await audiences.put_members(
            visit.platform,
            visit.sent_file().pieces,
            space_id=space_id,
            audience_id=audience.id,
            actor=actor,
            now=visit.now,
            **arguments,
        )
    rows = (run.input or {})["stats"]["rows"]
    return Done(
        f"{audience_link(visit.space_id, audience.id)}?tab=members",
        f"The file has {plural(rows, 'member')}. Check below how it was read.",
    )


async def _create(visit: Visit, session: Any, query: str) -> audiences.AudienceView:
    wanted = checked(
        CreateAudienceInput,
        {
            "name": visit.sent("name"),
            "definition": {"query": query},
            "audienceType": "USERS",
            **({"description": visit.sent("description")} if visit.sent("description") else {}),
        },
    )
    await resolve_sent(visit, query)
    return await audiences.create_audience(
        session,
        space_id=visit.space_id,
        name=wanted.name,
        query=query,
        audience_type=wanted.audience_type,
        description=wanted.description,
        actor=visit.caller.actor,
        now=visit.now,
    )


_ALL = "/console/spaces/{spaceId}/audiences"
_NEW = _ALL + "/new"
ROUTES = (
    PageRoute(_ALL, get(show_audiences)),
    PageRoute(_NEW, get(show_new)),
    PageRoute(f"{_NEW}/sql", post(add_sql, on=show_new), methods=["POST"]),
    PageRoute(f"{_NEW}/file", post(add_file, on=show_new, takes_file=True), methods=["POST"]),
)
