"""Activation: its status, chart and syncs, its configuration, options, holdings, revisions and audit trail; and its actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import RedirectResponse, Response

from app.console import activation_data
from app.console.activation_copies import draft_of_copy
from app.console.activation_options import change_activation, options_content, save_options
from app.console.activation_profiles import (
    check_list,
    held_content,
    send_member,
    test_content,
)
from app.console.activation_revisions import return_to_revision, revisions_content
from app.console.addresses import activation_link, api_of
from app.console.checked import checked
from app.console.errors import PageRoute
from app.console.event_texts import event_row
from app.console.frequency_words import frequency_words, waits_for_start
from app.console.lists import page_of
from app.console.routing import Action, get
from app.console.split_arms import has_split, shown_arms
from app.console.tabs import Tab, routes_of
from app.console.visits import Done, Shown, Visit
from app.contract import activations as contract
from app.core.errors import Invalid
from app.core.pagination import PageRequest
from app.domain.activation_states import Activity
from app.domain.status_words import SYNC_WORDS
from app.domain.sync_states import SyncKind, SyncState
from app.services import activations, reports, syncs, tenancy

CHART = 40  # syncs
_SOON = timedelta(seconds=15)  # a sync that is due then is shown without a reload
ROWS = 25
_UPDATE = contract.UpdateActivationForAudienceAlphaInput


@dataclass(frozen=True, slots=True)
class ActivationView:
    """The view model of an activation. ``content`` is that of the tab, ``result`` that of an action, shown only now."""

    overview: reports.Overview
    word: str
    status: reports.ActivationStatus
    options: activations.DeliveryOptions
    recent: Sequence[reports.RecentSync]
    address: str
    now: datetime
    tab: str
    tabs: Mapping[str, Tab]
    content: Any
    result: Any = None
    is_due: bool = False
    split_sync: Any = None  # the last sync, if it has ended and has a split
    split_arms: Sequence[reports.SplitArm] = ()

    @property
    def frequency(self) -> str:
        """The frequency in words."""
        sent_at = self.recent[-1].opened_at if self.recent else None
        return frequency_words(self.overview.activation, self.now, sent_at)

    @property
    def waits_for_start(self) -> bool:
        """Whether it is a one-time send that its start sends, at no time of its own."""
        return waits_for_start(self.overview.activation, self.now)

    @property
    def is_first_start(self) -> bool:
        """Whether no baseline was taken and nothing sent: the next start decides what happens to the members of that moment.

        A start that was stopped before its sync was planned, and dry runs, leave the question open.
        """
        return self.overview.activation.baseline_wanted

    @property
    def is_held(self) -> bool:
        """Whether the open sync waits for an approval."""
        open_sync = self.status.open_sync
        return open_sync is not None and open_sync.sync.state == SyncState.HELD

    @property
    def is_finished(self) -> bool:
        """Whether it is a one-time send that was sent."""
        return self.overview.activity == Activity.FINISHED

    @property
    def is_moving(self) -> bool:
        """Whether a sync is open, or is opened within seconds."""
        waits = self.overview.activation.awaits_since is not None
        return self.status.open_sync is not None or waits or self.is_due

    @property
    def ended_as_baseline(self) -> bool:
        """Whether members were counted as already there, so that a resync can send them."""
        return self.overview.activation.assumed > 0


def _ids(visit: Visit) -> tuple[str, str]:
    return visit.path("audienceId"), visit.path("activationId")


async def show_activation(visit: Visit) -> Shown:
    """Show an activation with one of its tabs. Raises NotFound; Invalid for a tab that is not known."""
    return await _page(visit)


async def _page(visit: Visit, result: Any = None) -> Shown:
    session, space_id = visit.session, visit.space_id
    audience_id, activation_id = _ids(visit)
    overview = await reports.require_overview(session, space_id, audience_id, activation_id)
    key = visit.asked("tab") or "syncs"
    if key not in TABS:
        raise Invalid(f'"tab": must be one of {", ".join(TABS)}', field="tab")
    recent = await reports.recent_syncs(session, space_id, [activation_id], CHART)
    address = activation_link(space_id, audience_id, activation_id)
    activation, due_at = overview.activation, overview.activation.next_due_at
    view = ActivationView(
        overview=overview,
        word=reports.overview_word(overview),
        status=await reports.activation_status(session, overview.activation, visit.now),
        options=await activations.get_delivery_options(
            session, space_id, audience_id, activation_id
        ),
        recent=recent[activation_id],
        address=address,
        now=visit.now,
        tab=key,
        tabs=TABS,
        content=await TABS[key].read(visit, overview),
        result=result,
        is_due=activation.enabled and due_at is not None and due_at <= visit.now + _SOON,
    )
    api = [api_of(address), f"{api_of(address)}/status"]
    if key == "syncs" and (last := _split_sync(view.content.entries)) is not None:
        arms = await shown_arms(visit, audience_id, activation_id, last)
        view = replace(view, split_sync=last, split_arms=arms)
        api.append(f"{api_of(address)}/syncs/{last.id}/arms")
    if TABS[key].api:
        api.append(api_of(address) + TABS[key].api)
    return Shown(
        "activation.html",
        overview.activation.name,
        view,
        section="activations",
        api=api,
        actors=TABS[key].actors(view.content),
    )


def _split_sync(rows: Sequence[SyncRow]) -> Any:
    """Return the newest sync that has sent something, if it has ended and has a split."""
    sent = (
        row.view.sync for row in rows if row.view.sync.kind not in (SyncKind.DRY_RUN, SyncKind.TEST)
    )
    newest = next(sent, None)
    ended = newest is not None and not newest.state.is_open and has_split(newest)
    return newest if ended else None


# Tabs


@dataclass(frozen=True, slots=True)
class SyncRow:
    """A sync in the tab."""

    view: syncs.SyncView
    word: str


async def _syncs(visit: Visit, overview: reports.Overview) -> Any:
    sought = reports.SoughtSyncs(activation_id=overview.activation.id)
    request = page_of(visit, ROWS)
    page, counts = await reports.page_sync_log(visit.session, visit.space_id, sought, request)
    views = await syncs.view_syncs(
        visit.session, visit.space_id, [row.sync for row in page.entries], counts
    )
    by_id = {view.sync.id: view for view in views}
    return page.map(lambda row: SyncRow(by_id[row.sync.id], SYNC_WORDS[row.sync.state]))


async def _audit(visit: Visit, overview: reports.Overview) -> Any:
    wanted = tenancy.Filter(resource_id=overview.activation.id)
    found = await tenancy.page_events(
        visit.session, visit.caller.workspace_id, wanted, PageRequest(ROWS, visit.asked("cursor"))
    )
    return found.map(lambda event: event_row(event, visit.caller))


TABS: Mapping[str, Tab] = {
    "syncs": Tab("Syncs", "activation/syncs.html", _syncs, "/syncs"),
    "mapping": Tab("What is sent", "activation/mapping.html", activation_data.data_content),
    "options": Tab("Options", "activation/options.html", options_content, "/delivery-options"),
    "held": Tab("Members there", "activation/held.html", held_content, "/holdings"),
    "test": Tab("Test send", "activation/test.html", test_content),
    "revisions": Tab(
        "Earlier settings",
        "activation/revisions.html",
        revisions_content,
        "/revisions",
        actors=lambda content: [row.revision.created_by for row in content.rows],
    ),
    "audit": Tab(
        "Audit",
        "activation/audit.html",
        _audit,
        actors=lambda page: [row.event.actor for row in page.entries],
    ),
}


# Actions


def _address(visit: Visit, tab: str = "") -> str:
    audience_id, activation_id = _ids(visit)
    address = activation_link(visit.space_id, audience_id, activation_id)
    return f"{address}?tab={tab}" if tab else address


async def _start(visit: Visit, *, kind: str = "incremental", dry_run: bool = False) -> Done:
    audience_id, activation_id = _ids(visit)
    session, space_id = visit.session, visit.space_id
    activation = await activations.require_activation(session, space_id, audience_id, activation_id)
    sync = await syncs.start_sync(
        session,
        activation,
        kind=kind,
        dry_run=dry_run,
        actor=visit.caller.actor,
    )
    address = activation_link(space_id, audience_id, activation_id, "syncs", sync.id)
    return Done(address, f"Sync {sync.number} was opened.")


async def run_now(visit: Visit) -> Done:
    """Open a sync that sends what differs, or show the one that already does."""
    return await _start(visit)


async def resync(visit: Visit) -> Done:
    """Open a sync that sends all members again."""
    return await _start(visit, kind="resync")


async def dry_run(visit: Visit) -> Done:
    """Plan a sync and report what it would send."""
    return await _start(visit, dry_run=True)


async def enable(visit: Visit) -> Done:
    """Enable the activation; with ``resync`` all members are sent."""
    changes = activations.ActivationChanges(
        enabled=True, perform_resync=visit.sent("resync") == "yes"
    )
    view = await change_activation(visit, *_ids(visit), changes)
    return Done(_address(visit), f"{view.activation.name} is enabled.")


async def stop(visit: Visit) -> Done:
    """Stop updates: nothing is sent until the activation is enabled again."""
    view = await change_activation(
        visit, *_ids(visit), activations.ActivationChanges(enabled=False)
    )
    return Done(_address(visit), f"{view.activation.name} sends no updates until it is enabled.")


async def rename(visit: Visit) -> Done:
    """Change the name. Raises Invalid if it is empty."""
    if not visit.sent("name"):
        raise Invalid("Enter a name.", field="name")
    checked(_UPDATE, {"activationName": visit.sent("name")}, "name")
    view = await change_activation(
        visit, *_ids(visit), activations.ActivationChanges(name=visit.sent("name"))
    )
    name = view.activation.name
    return Done(_address(visit, "options"), f"The name is {name}.")


async def save_delivery(visit: Visit) -> Done:
    """Save the delivery options. Raises Invalid with each fault, at its field."""
    return Done(_address(visit, "options"), await save_options(visit, *_ids(visit)))


async def return_to(visit: Visit) -> Done:
    """Return to the configuration of a revision, as far as updates can. Raises Invalid if nothing would change."""
    return Done(_address(visit, "revisions"), await return_to_revision(visit, *_ids(visit)))


async def send_test(visit: Visit) -> Shown:
    """Send a member now, and show request and response. Raises Invalid if it is not known which one."""
    return await _page(visit, await send_member(visit, *_ids(visit)))


async def check_drift(visit: Visit) -> Shown:
    """Compare the partner's list with what is held. Raises Conflict if the list cannot be read."""
    return await _page(visit, await check_list(visit, *_ids(visit), repair=False))


async def repair_drift(visit: Visit) -> Shown:
    """Compare once more, and let the next sync correct what differs."""
    return await _page(visit, await check_list(visit, *_ids(visit), repair=True))


async def save_properties(visit: Visit) -> Done:
    """Save which properties are sent, and their names. Raises Invalid with each fault."""
    return Done(
        _address(visit, "mapping"), await activation_data.save_properties(visit, *_ids(visit))
    )


async def save_identifiers(visit: Visit) -> Done:
    """Save the identifiers, of all activations of the connection. Raises Invalid with each fault."""
    return Done(
        _address(visit, "mapping"), await activation_data.save_identifiers(visit, *_ids(visit))
    )


async def save_settings(visit: Visit) -> Done:
    """Save the settings of the connection, of all its activations. Raises Invalid with each fault."""
    return Done(
        _address(visit, "mapping"), await activation_data.save_settings(visit, *_ids(visit))
    )


async def save_fields(visit: Visit) -> Done:
    """Save the columns of the mapped fields as a new revision. Raises Invalid with each fault."""
    return Done(_address(visit, "mapping"), await activation_data.save_fields(visit, *_ids(visit)))


async def save_mapping(visit: Visit) -> Done:
    """Save the mapping as a new revision. Raises Invalid with each fault, and if it would not be stored as it is written."""
    return Done(_address(visit, "mapping"), await activation_data.save_mapping(visit, *_ids(visit)))


async def duplicate(visit: Visit) -> Response:
    """Open the last step of a new activation with everything that this one has. Nothing is saved yet. Raises NotFound."""
    overview = await reports.require_overview(visit.session, visit.space_id, *_ids(visit))
    draft = await draft_of_copy(visit, overview)
    return RedirectResponse(draft.address(visit, "settings"), 303)


async def delete(visit: Visit) -> Done:
    """Remove the activation; the destination keeps its members."""
    audience_id, activation_id = _ids(visit)
    await activations.remove_activation(
        visit.session,
        visit.space_id,
        audience_id,
        activation_id,
        actor=visit.caller.actor,
        now=visit.now,
    )
    return Done(visit.link("activations"), "The activation is deleted.")


ONE = "/console/spaces/{spaceId}/audiences/{audienceId}/activations/{activationId}"
_ACTIONS: Mapping[str, Action] = {
    "run": run_now,
    "resync": resync,
    "dry-run": dry_run,
    "enable": enable,
    "stop": stop,
    "rename": rename,
    "options": save_delivery,
    "return": return_to,
    "test-send": send_test,
    "drift": check_drift,
    "drift-repair": repair_drift,
    "properties": save_properties,
    "identifiers": save_identifiers,
    "connection": save_settings,
    "fields": save_fields,
    "mapping": save_mapping,
    "delete": delete,
}
ROUTES = (
    PageRoute(f"{ONE}/duplicate", get(duplicate)),
    *routes_of(ONE, show_activation, _ACTIONS),
)
