"""One audience: its definition with a preview, members, runs, snapshots, schedules and activations; and its actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.console.addresses import api_of, audience_link
from app.console.audience_tabs import TABS, resolve_sent
from app.console.checked import checked
from app.console.routing import Action
from app.console.tabs import Tab, routes_of
from app.console.uploads import upload_arguments
from app.console.visits import Done, Shown, Visit
from app.console.words import plural
from app.contract.audiences import UpdateAudienceForSpaceInput
from app.contract.extensions.members import MembersPatch
from app.core.errors import AppError, Invalid, NotFound
from app.core.sent_json import parse_json
from app.core.sentences import sentence
from app.domain.run_states import RunState
from app.services import activations, audiences

CHART = 60  # snapshots


@dataclass(frozen=True, slots=True)
class AudienceView:
    """The view model of an audience. ``snapshots`` are the newest ones, oldest first; ``content`` is that of the tab."""

    view: audiences.AudienceView
    status: str
    address: str
    tab: str
    tabs: Mapping[str, Tab]
    content: Any
    snapshots: Sequence[Any]

    @property
    def is_computed(self) -> bool:
        """Whether a definition computes the members; else they are uploaded."""
        return bool(self.view.audience.query)

    @property
    def current(self) -> Any:
        """The snapshot that activations read, if it is among the newest ones."""
        wanted = self.view.audience.snapshot_id
        return next((one for one in self.snapshots if one.id == wanted), None)

    @property
    def is_open(self) -> bool:
        """Whether a run has not ended."""
        state = self.view.run_state
        return state is not None and RunState(state).is_open


async def show_audience(visit: Visit) -> Shown:
    """Show an audience with one of its tabs. Raises NotFound for an audience or a tab that does not exist."""
    session, space_id, audience_id = visit.session, visit.space_id, visit.path("audienceId")
    view = await audiences.get_audience(session, space_id, audience_id)
    tab = visit.asked("tab") or ("definition" if view.audience.query else "members")
    if tab not in TABS:
        raise NotFound("This page does not exist.")
    newest, _ = await audiences.list_snapshots(
        session, space_id, audience_id, before=None, limit=CHART
    )
    address = audience_link(space_id, audience_id)
    shown = AudienceView(
        view=view,
        status=audiences.audience_status(view),
        address=address,
        tab=tab,
        tabs=TABS,
        content=await TABS[tab].read(visit, view.audience),
        snapshots=list(reversed(newest)),
    )
    paths = dict.fromkeys((api_of(address), *_api(visit, tab)))
    return Shown(
        "audience.html",
        view.audience.name,
        shown,
        section="audiences",
        api=list(paths),
        actors=[view.audience.created_by, view.audience.updated_by],
    )


def _api(visit: Visit, tab: str) -> Sequence[str]:
    own = api_of(audience_link(visit.space_id, visit.path("audienceId")))
    if tab == "activations":
        listed = f"/spaces/{visit.space_id}/activations?audienceId={visit.path('audienceId')}"
        return (listed, f"{own}/destination-connections")
    return (own + TABS[tab].api,)


# Actions


def _address(visit: Visit, tab: str = "") -> str:
    address = audience_link(visit.space_id, visit.path("audienceId"))
    return f"{address}?tab={tab}" if tab else address


async def run(visit: Visit) -> Done:
    """Compute the audience now, or as of a time in UTC. Raises Invalid for a time that cannot be read."""
    as_of = None
    if text := visit.sent("asOf"):
        try:
            as_of = datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            raise Invalid("Enter a time such as 2026-01-31T12:00.", field="asOf") from None
    await audiences.force_run(
        visit.session,
        visit.space_id,
        visit.path("audienceId"),
        as_of=as_of,
        make_current=visit.sent("makeCurrent") == "true",
        actor=visit.caller.actor,
        now=visit.now,
    )
    return Done(_address(visit, "runs"), "The run is opened.")


async def _change(visit: Visit, sent: Mapping[str, Any]) -> audiences.AudienceView:
    wanted = checked(UpdateAudienceForSpaceInput, sent)
    definition = wanted.definition
    if definition is not None and definition.query is not None:
        await resolve_sent(visit, definition.query)
    return await audiences.update_audience(
        visit.session,
        visit.space_id,
        visit.path("audienceId"),
        audiences.AudienceChanges(
            name=wanted.name,
            description=wanted.description,
            enabled=wanted.enabled,
            query=definition.query if definition else None,
        ),
        actor=visit.caller.actor,
        now=visit.now,
    )


async def enable(visit: Visit) -> Done:
    """Let schedules and activations compute the audience again."""
    view = await _change(visit, {"enabled": True})
    return Done(_address(visit), f"{view.audience.name} is enabled.")


async def disable(visit: Visit) -> Done:
    """Compute the audience no more until it is enabled."""
    view = await _change(visit, {"enabled": False})
    return Done(_address(visit), f"{view.audience.name} is not computed until it is enabled.")


async def rename(visit: Visit) -> Done:
    """Change name and description. Raises Invalid if the name is empty."""
    sent = {"name": visit.sent("name"), "description": visit.sent("description")}
    await _change(visit, sent)
    return Done(_address(visit, "options"), "Name and description are saved.")


async def save(visit: Visit) -> Done:
    """Save the definition. Raises Invalid with each fault."""
    query = visit.sent("query")
    await _change(visit, {"definition": {"query": query}})
    note = "The definition is saved. It applies from the next run on."
    return Done(_address(visit), note if query else "The definition is removed: upload members.")


async def preview(visit: Visit) -> Done:
    """Compute a definition that is not saved, to show its first members. Raises Invalid with each fault."""
    audience = await audiences.require_audience(
        visit.session, visit.space_id, visit.path("audienceId")
    )
    await resolve_sent(visit, visit.sent("query"))
    made = await audiences.create_preview(
        visit.session,
        space_id=visit.space_id,
        audience_type=audience.audience_type,
        query=visit.sent("query"),
        target_entity=audience.target_entity,
        options=audience.options,
        actor=visit.caller.actor,
        now=visit.now,
    )
    return Done(f"{_address(visit, 'definition')}&preview={made.id}")


async def upload(visit: Visit) -> Done:
    """Replace all members by a file. Raises Invalid, with row and column."""
    opened = await audiences.put_members(
        visit.platform,
        visit.sent_file().pieces,
        space_id=visit.space_id,
        audience_id=visit.path("audienceId"),
        actor=visit.caller.actor,
        now=visit.now,
        **upload_arguments(visit),
    )
    rows = (opened.input or {})["stats"]["rows"]
    note = f"The file has {plural(rows, 'member')}. Check below how it was read."
    return Done(_address(visit, "members"), note)


async def patch(visit: Visit) -> Done:
    """Add and remove single members, with no transaction open. Raises Invalid with each fault."""
    text = visit.sent("add")
    try:
        add = parse_json(text.encode(), "the members") if text else []
    except AppError as error:
        raise Invalid(sentence(error.message), field="add") from None
    add = [add] if isinstance(add, dict) else add
    remove = [line.strip() for line in visit.sent("remove").splitlines() if line.strip()]
    wanted = checked(MembersPatch, {"add": add, "remove": remove})
    await visit.end_transaction()
    await audiences.patch_members(
        visit.platform,
        space_id=visit.space_id,
        audience_id=visit.path("audienceId"),
        add=wanted.add,
        remove=wanted.remove,
        actor=visit.caller.actor,
        now=visit.now,
    )
    return Done(_address(visit, "runs"), "The change is accepted. A run applies it.")


async def roll_back(visit: Visit) -> Done:
    """Pin the audience to a snapshot, and send it. Raises NotFound."""
    await audiences.roll_back(
        visit.session,
        visit.space_id,
        visit.path("audienceId"),
        visit.sent("snapshot"),
        actor=visit.caller.actor,
        now=visit.now,
    )
    return Done(_address(visit, "snapshots"), "The audience is rolled back until it is released.")


async def release(visit: Visit) -> Done:
    """End a rollback: the newest snapshot is sent again. Raises Conflict if the audience is not rolled back."""
    await audiences.release_pin(
        visit.session,
        visit.space_id,
        visit.path("audienceId"),
        actor=visit.caller.actor,
        now=visit.now,
    )
    return Done(_address(visit, "snapshots"), "The audience has its newest members again.")


async def add_schedule(visit: Visit) -> Done:
    """Add a schedule. Raises Invalid with each fault, and Conflict if the members are uploaded."""
    if visit.sent("strategy") == "SPECIFIC_DAYS":
        strategy, config = "SPECIFIC_DAYS", _days(visit)
    else:
        strategy, config = "PERIODIC", {"interval": visit.sent("config.interval")}
    await audiences.add_schedule(
        visit.session,
        space_id=visit.space_id,
        audience_id=visit.path("audienceId"),
        strategy=strategy,
        config=config,
        actor=visit.caller.actor,
        now=visit.now,
    )
    return Done(_address(visit, "schedule"), "The schedule is added.")


def _days(visit: Visit) -> dict[str, Any]:
    return {
        "days": [int(day) for day in visit.form.get("config.days", ()) if day.isdecimal()],
        "hours": [int(hour) for hour in visit.form.get("config.hours", ()) if hour.isdecimal()],
        "timezone": visit.sent("config.timezone") or "UTC",
    }


async def remove_schedule(visit: Visit) -> Done:
    """Remove a schedule. Raises NotFound."""
    await audiences.remove_schedule(
        visit.session,
        visit.space_id,
        visit.path("audienceId"),
        visit.sent("schedule"),
        actor=visit.caller.actor,
    )
    return Done(_address(visit, "schedule"), "The schedule is removed.")


async def disconnect(visit: Visit) -> Done:
    """Remove a connection to an account. Raises Conflict while it has activations."""
    await activations.remove_connection(
        visit.session,
        visit.space_id,
        visit.path("audienceId"),
        visit.sent("connection"),
        actor=visit.caller.actor,
    )
    return Done(_address(visit, "activations"), "The connection is removed.")


async def delete(visit: Visit) -> Done:
    """Remove the audience, unless a connection or an activation uses it."""
    await audiences.remove_audience(
        visit.session, visit.space_id, visit.path("audienceId"), actor=visit.caller.actor
    )
    return Done(visit.link("audiences"), "The audience is removed.")


ONE = "/console/spaces/{spaceId}/audiences/{audienceId}"
_ACTIONS: Mapping[str, Action] = {
    "run": run,
    "enable": enable,
    "disable": disable,
    "rename": rename,
    "definition": save,
    "preview": preview,
    "patch": patch,
    "rollback": roll_back,
    "release": release,
    "schedule": add_schedule,
    "remove-schedule": remove_schedule,
    "disconnect": disconnect,
    "delete": delete,
}
ROUTES = routes_of(ONE, show_audience, _ACTIONS, uploads={"upload": upload})
