"""Review and start: what a saved activation would send, and the choice of what happens to the members of now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.console.activation_options import change_activation
from app.console.addresses import activation_link, api_of
from app.console.draft_content import FailedAudience, failed_audiences
from app.console.draft_save import start_dry_run
from app.console.frequency_words import frequency_words
from app.console.shown_changes import ShownChange, shown_change
from app.console.split_arms import has_split, shown_arms
from app.console.tabs import routes_of
from app.console.visits import Done, Shown, Visit
from app.core.errors import Invalid
from app.core.pagination import PageRequest
from app.domain.left_out import members_left_out
from app.services import activations, audiences, reports, syncs

SAMPLE = 3  # members
_NAMESAKES = 20  # activations whose names contain the name


@dataclass(frozen=True, slots=True)
class StartView:
    """The view model: the newest dry run, if there is one."""

    overview: reports.Overview
    options: activations.DeliveryOptions
    dry_run: Any
    notes: Sequence[str]  # of the run that computed the members
    address: str
    activation_address: str
    waits_until: datetime | None  # the time of a single send, if it is still to come
    arms: Sequence[reports.SplitArm]  # of a complete dry run
    failed: Sequence[FailedAudience]  # without members, so nothing can be sent
    namesakes: Sequence[reports.Overview]  # other activations of this name, to the same account
    now: datetime

    @property
    def is_open(self) -> bool:
        """Whether the dry run is at work."""
        return self.dry_run is not None and self.dry_run.state.is_open

    @property
    def report(self) -> Mapping[str, Any] | None:
        """The report of the dry run, when it is complete: ``{calls, minutes, cost, changes, requests}``."""
        return self.dry_run.report if self.dry_run is not None else None

    @property
    def frequency(self) -> str:
        """The frequency in words."""
        return frequency_words(self.overview.activation, self.now)

    @property
    def sent(self) -> int:
        """How many changes are of members who are in the audience now; exits are of others."""
        return self.dry_run.entered + self.dry_run.updated if self.dry_run is not None else 0

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many of those who are in the audience now would not be sent, by reason."""
        found = (self.dry_run.left_out or {}) if self.dry_run is not None else {}
        return members_left_out(found)

    @property
    def members(self) -> int:
        """How many are in the audience now: who would be sent, and who would be left out."""
        return self.sent + sum(self.left_out.values())

    @property
    def sample(self) -> Sequence[ShownChange]:
        """Three changes as they would be sent."""
        changes = (self.report or {}).get("changes") or {}
        return [shown_change(one) for rows in changes.values() for one in rows][:SAMPLE]

    @property
    def left_out_address(self) -> str:
        """The address of the members that the dry run leaves out."""
        return f"{self.activation_address}/syncs/{self.dry_run.id}/left-out"

    @property
    def has_split(self) -> bool:
        """Whether the dry run divides the members by a split."""
        return has_split(self.dry_run)

    @property
    def error(self) -> str:
        """Why the dry run failed, or nothing."""
        return str((self.dry_run.error or {}).get("message", "")) if self.dry_run else ""


def _ids(visit: Visit) -> tuple[str, str]:
    return visit.path("audienceId"), visit.path("activationId")


async def show_start(visit: Visit) -> Shown:
    """Show what the activation would send. Raises NotFound."""
    audience_id, activation_id = _ids(visit)
    session, space_id = visit.session, visit.space_id
    overview = await reports.require_overview(session, space_id, audience_id, activation_id)
    options = await activations.get_delivery_options(session, space_id, audience_id, activation_id)
    moment = options.frequency.moment
    run = await audiences.newest_run(session, space_id, audience_id)
    dry_run = await syncs.newest_dry_run(session, space_id, activation_id)
    address = activation_link(space_id, audience_id, activation_id)
    view = StartView(
        overview,
        options,
        dry_run,
        audiences.run_notes(run) if run is not None else [],
        f"{address}/start",
        address,
        moment if moment is not None and moment > visit.now else None,
        await shown_arms(visit, audience_id, activation_id, dry_run)
        if dry_run is not None and dry_run.report
        else (),
        await _failed(visit, audience_id),
        await _namesakes(visit, overview.activation),
        visit.now,
    )
    api = [api_of(address)]
    if dry_run is not None:
        api.append(f"{api_of(address)}/syncs/{dry_run.id}")
    title = f"Start {overview.activation.name}"
    return Shown("start.html", title, view, section="activations", api=api)


async def _failed(visit: Visit, audience_id: str) -> Sequence[FailedAudience]:
    view = await audiences.get_audience(visit.session, visit.space_id, audience_id)
    return [one for one in await failed_audiences(visit, [view]) if one.is_useless]


async def _namesakes(visit: Visit, activation: Any) -> Sequence[reports.Overview]:
    sought = reports.Sought(name=activation.name, destination_id=activation.destination_id)
    found = await reports.page_overview(
        visit.session, visit.space_id, sought, PageRequest(_NAMESAKES)
    )
    wanted = activation.name.casefold()
    return [
        one
        for one in found.entries
        if one.activation.id != activation.id and one.activation.name.casefold() == wanted
    ]


async def dry_run(visit: Visit) -> Done:
    """Plan once more what would be sent."""
    audience_id, activation_id = _ids(visit)
    activation = await activations.require_activation(
        visit.session, visit.space_id, audience_id, activation_id
    )
    await start_dry_run(visit, activation)
    return Done(activation_link(visit.space_id, audience_id, activation_id, "start"))


async def begin(visit: Visit) -> Done:
    """Enable the activation with the choice. Raises Invalid if none was made."""
    choice = visit.sent("members")
    if choice not in ("send", "count"):
        raise Invalid("Choose what happens to the members of now.", field="members")
    audience_id, activation_id = _ids(visit)
    changes = activations.ActivationChanges(enabled=True, perform_resync=choice == "send")
    view = await change_activation(visit, audience_id, activation_id, changes)
    address = activation_link(visit.space_id, audience_id, activation_id)
    return Done(address, f"{view.activation.name} is enabled.")


ONE = "/console/spaces/{spaceId}/audiences/{audienceId}/activations/{activationId}/start"
ROUTES = routes_of(ONE, show_start, {"dry-run": dry_run, "begin": begin})
