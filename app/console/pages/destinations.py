"""Destinations: the accounts of a space, the catalogue, and the form that adds an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.console.addresses import destination_link
from app.console.errors import PageRoute
from app.console.lists import page_of
from app.console.routing import get, post
from app.console.setting_forms import filled, last_fours, passed
from app.console.visits import Done, Shown, Visit
from app.console.way_back import back_with_account, way_back, with_way_back
from app.core.errors import Invalid
from app.core.pagination import Page
from app.domain.setting_labels import labelled
from app.services import accounts, activations, reports


@dataclass(frozen=True, slots=True)
class Row:
    """An account in the list; ``keys`` are the last four characters of its secrets, by setting."""

    account: Any
    partner: str
    address: str
    is_paused: bool
    keys: Mapping[str, str]
    counts: Mapping[str, int]  # of its activations, by activity


@dataclass(frozen=True, slots=True)
class DestinationsView:
    """The view model of the list."""

    page: Page[Row]
    catalogue: Sequence[Any]


@dataclass(frozen=True, slots=True)
class NewView:
    """The view model of the form for a new account."""

    definition: Any
    inputs: Sequence[accounts.SettingInput]
    name: str
    action: str

    @property
    def is_generated(self) -> bool:
        """Whether the service generates a secret, so that the account can be checked after it is added only."""
        return any(one.is_generated for one in self.inputs)


@dataclass(frozen=True, slots=True)
class AddedView:
    """An account that was just added; ``secrets`` were generated, and are shown only now."""

    account: Any
    address: str
    secrets: Mapping[str, str]
    onward: str | None  # the draft that the account was added for, with the account


async def show_destinations(visit: Visit) -> Shown:
    """Show the accounts of the space and the catalogue."""
    found = await activations.page_destinations(visit.session, visit.space_id, page_of(visit))
    names = {one.slug: one.name for one in activations.all_definitions()}
    rows = [await _row(visit, account, names) for account in found.entries]
    page = Page(rows, found.current, found.next, found.previous, found.total)
    return Shown(
        "destinations.html",
        "Destinations",
        DestinationsView(page, activations.all_definitions()),
        section="destinations",
        api=[f"/spaces/{visit.space_id}/destinations", "/catalogue"],
    )


async def _row(visit: Visit, account: Any, names: Mapping[str, str]) -> Row:
    sought = reports.Sought(destination_id=account.id)
    shown = accounts.shown_settings(visit.platform.keyring, visit.caller.workspace_id, account)
    return Row(
        account,
        partner=names.get(account.slug, account.slug),
        address=destination_link(visit.space_id, account.id),
        is_paused=account.open_until is not None and account.open_until > visit.now,
        keys=last_fours(shown),
        counts=await reports.count_overview(visit.session, visit.space_id, sought),
    )


async def show_new(visit: Visit) -> Shown:
    """Show how an account at a partner is set up, and the form. Raises NotFound for a slug that is not known."""
    entry = activations.catalogue_entry(visit.path("slug"))
    definition = entry.definition
    action = with_way_back(visit.link("destinations", "new", definition.slug), way_back(visit))
    view = NewView(definition, entry.inputs, visit.sent("name") or definition.name, action)
    actions = (
        f"/spaces/{visit.space_id}/audienceType/USERS/supported-destinations?slug={definition.slug}"
    )
    return Shown(
        "destination_new.html",
        f"Add an account: {definition.name}",
        view,
        section="destinations",
        api=[f"/catalogue/{definition.slug}", actions],
    )


async def add(visit: Visit) -> Shown | Done:
    """Check the account at the partner, then add it. Raises Invalid for each fault, and if the check fails.

    An account whose secrets the service generates is added first: the page after it shows them.
    """
    entry = activations.catalogue_entry(visit.path("slug"))
    if not visit.sent("name"):
        raise Invalid("Enter a name.", field="name")
    settings = accounts.settings_of_inputs(entry.inputs, filled(visit, entry.inputs))
    await visit.end_transaction()  # a name may be looked up
    await activations.refuse_closed_addresses(visit.platform, settings)
    check = await _checked(visit, entry, settings)
    account, secrets = await activations.create_destination(
        visit.session,
        visit.platform.keyring,
        workspace_id=visit.caller.workspace_id,
        space_id=visit.space_id,
        slug=entry.definition.slug,
        name=visit.sent("name"),
        settings=settings,
        permits_roles=visit.platform.settings.permits_roles,
        outbound_allow=visit.platform.settings.outbound_allow,
        actor=visit.caller.actor,
        now=visit.now,
    )
    onward = back_with_account(visit, account.id)
    address = destination_link(visit.space_id, account.id)
    if check is not None:
        note = f"The check passed: {check.message.rstrip('.')}. {account.name} is added."
        return Done(onward or address, " ".join([note, *check.warnings]))
    view = AddedView(account, address, labelled(secrets), onward)
    return Shown(
        "destination_added.html",
        f"{account.name} is saved, not checked yet",
        view,
        section="destinations",
        api=[f"/spaces/{visit.space_id}/destinations/{account.id}"],
    )


async def _checked(visit: Visit, entry: Any, settings: Mapping[str, Any]) -> Any:
    """Return the result of the check of a new account; None if it cannot be checked yet, or shall not be. Raises Invalid if it fails."""
    is_generated = any(one.is_generated and one.name not in settings for one in entry.inputs)
    if is_generated or visit.sent("unchecked") == "yes":
        return None
    result = await activations.check_settings(
        visit.platform,
        workspace_id=visit.caller.workspace_id,
        slug=entry.definition.slug,
        settings=settings,
        connection_settings={},
        now=visit.now,
    )
    return passed(result, entry.inputs)


_ALL = "/console/spaces/{spaceId}/destinations"
ROUTES = (
    PageRoute(_ALL, get(show_destinations)),
    PageRoute(_ALL + "/new/{slug}", get(show_new)),
    PageRoute(_ALL + "/new/{slug}", post(add, on=show_new), methods=["POST"]),
)
