"""Left out: who a sync or dry run left out, and why; the parts of its split; the list as a CSV file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from app.console.addresses import activation_link, api_of, explanation_link
from app.console.csv_files import csv_file
from app.console.errors import PageRoute
from app.console.lists import api_path, page_of
from app.console.routing import get
from app.console.split_arms import MOST, has_split, shown_arms
from app.console.visits import Shown, Visit
from app.core.errors import Invalid
from app.core.pagination import Page, PageRequest
from app.domain.left_out import SENTENCES, LeftOut
from app.services import reports, syncs

MOST_IN_FILE = 100_000  # members of a CSV file; the API lists the others


@dataclass(frozen=True, slots=True)
class LeftOutRow:
    """A left-out member, and the addresses of what is known of it and of the member that has its key."""

    member: reports.LeftOutMember
    sentence: str
    address: str
    keeper_address: str

    @property
    def values(self) -> Sequence[tuple[str, str]]:
        """Name and values of each field that the activation uses, as text."""
        return [(name, value_text(value)) for name, value in self.member.values.items()]


@dataclass(frozen=True, slots=True)
class LeftOutView:
    """The view model of the left-out members of a sync; ``reason`` is the one that is shown alone, empty for all."""

    overview: reports.Overview
    sync: Any
    counts: Mapping[str, int]
    unlisted: Sequence[str]
    page: Page[LeftOutRow]
    arms: Sequence[reports.SplitArm]
    reason: str
    address: str
    sync_address: str
    activation_address: str
    file_address: str

    @property
    def total(self) -> int:
        """The number of all that were left out."""
        return sum(self.counts.values())

    @property
    def has_split(self) -> bool:
        """Whether members are in parts of a split."""
        return has_split(self.sync)

    @property
    def lists_reason(self) -> bool:
        """Whether the members of what is shown can be named."""
        return self.reason not in self.unlisted


def value_text(value: Any) -> str:
    """Return a value of a member as text: one value, or several with a semicolon between."""
    if isinstance(value, list):
        return "; ".join(str(one) for one in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _path(visit: Visit) -> tuple[str, str, str]:
    return visit.path("audienceId"), visit.path("activationId"), visit.path("syncId")


def _reason(visit: Visit) -> LeftOut | None:
    """Return the reason of the query. Raises Invalid for one that is not known."""
    asked = visit.asked("reason")
    if asked is None:
        return None
    if asked not in tuple(LeftOut):
        raise Invalid(f'"reason": must be one of {", ".join(LeftOut)}', field="reason")
    return LeftOut(asked)


async def _read(visit: Visit, request: PageRequest, reason: LeftOut | None) -> reports.LeftOutPage:
    audience_id, activation_id, sync_id = _path(visit)
    await visit.end_transaction()
    return await reports.page_left_out(
        visit.platform,
        space_id=visit.space_id,
        audience_id=audience_id,
        activation_id=activation_id,
        sync_id=sync_id,
        request=request,
        reason=reason,
    )


async def show_left_out(visit: Visit) -> Shown:
    """Show the left-out members of a sync or dry run. Raises NotFound; Invalid for a reason that is not known."""
    audience_id, activation_id, sync_id = _path(visit)
    session, space_id = visit.session, visit.space_id
    reason = _reason(visit)
    overview = await reports.require_overview(session, space_id, audience_id, activation_id)
    view = await syncs.get_sync(session, space_id, activation_id, sync_id)
    found = await _read(visit, page_of(visit), reason)
    sync_address = activation_link(space_id, audience_id, activation_id, "syncs", sync_id)
    address = f"{sync_address}/left-out"
    shown = LeftOutView(
        overview=overview,
        sync=view.sync,
        counts=found.counts,
        unlisted=found.unlisted,
        page=found.page.map(lambda member: _row(visit, audience_id, activation_id, member)),
        arms=await shown_arms(
            visit,
            audience_id,
            activation_id,
            view.sync,
            most=None if visit.asked("arms") == "all" else MOST,
        ),
        reason=reason or "",
        address=address,
        sync_address=sync_address,
        activation_address=activation_link(space_id, audience_id, activation_id),
        file_address=api_path(f"{address}.csv", reason=reason),
    )
    api = [api_path(api_of(address), reason=reason)]
    if shown.has_split:
        api.append(f"{api_of(sync_address)}/arms")
    title = f"Left out of {overview.activation.name}"
    return Shown("left_out.html", title, shown, section="syncs", api=api)


def _row(
    visit: Visit, audience_id: str, activation_id: str, member: reports.LeftOutMember
) -> LeftOutRow:
    ids = visit.space_id, audience_id, activation_id
    return LeftOutRow(
        member,
        SENTENCES[member.reason],
        explanation_link(*ids, member.profile_id),
        explanation_link(*ids, member.kept_by) if member.kept_by else "",
    )


async def download_left_out(visit: Visit) -> Response:
    """Return the left-out members as CSV, at most 100,000. Raises NotFound; Invalid for a reason that is not known."""
    found = await _read(visit, PageRequest(MOST_IN_FILE), _reason(visit))
    members = found.page.entries
    names = list(dict.fromkeys(name for one in members for name in one.values))
    columns = ("member_id", "profile_id", "reason", "message", "part", "key", "same_key_as", *names)
    rows = [
        (
            one.member_id,
            one.profile_id,
            one.reason.value,
            SENTENCES[one.reason],
            one.arm or "",
            one.key or "",
            one.kept_by or "",
            *(value_text(one.values.get(name)) for name in names),
        )
        for one in members
    ]
    return csv_file("left-out.csv", columns, rows)


ONE = "/console/spaces/{spaceId}/audiences/{audienceId}/activations/{activationId}/syncs/{syncId}"
ROUTES = (
    PageRoute(f"{ONE}/left-out", get(show_left_out)),
    PageRoute(f"{ONE}/left-out.csv", get(download_left_out)),
)
