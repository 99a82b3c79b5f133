"""Profile: found by an id or an identifier, with its audiences, and what became of it in each activation; its erasure, and a test send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.console.activation_options import read_sources
from app.console.addresses import (
    activation_link,
    api_of,
    explanation_link,
    profile_link,
    receipt_link,
)
from app.console.errors import PageRoute
from app.console.routing import get, post
from app.console.visits import Done, Shown, Visit
from app.core.errors import Invalid, NotFound
from app.core.url_paths import path_part
from app.domain.changes import ChangeKind
from app.services import erasure, planning, reports

_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Row:
    """An activation that concerns the profile, with the address of what became of the profile in it."""

    found: reports.FoundActivation
    status: str
    address: str
    reasons: Sequence[reports.NotHeld]  # why the destination does not have it


@dataclass(frozen=True, slots=True)
class ProfileView:
    """The view model of the search; ``found`` is None before a search."""

    search: str
    found: reports.FoundProfile | None
    rows: Sequence[Row]
    erase_address: str  # of the form that erases the person

    @property
    def names(self) -> Sequence[str]:
        """The names by which the person can be erased: ids of profiles; the text of the search if no profile has it."""
        found = self.found
        return (found.profile_ids or [found.sought]) if found is not None else ()

    @property
    def is_unknown(self) -> bool:
        """Whether neither an audience nor an activation has the profile."""
        found = self.found
        return found is not None and not found.memberships and not found.activations


async def show_profile(visit: Visit) -> Shown:
    """Show the search, and what it found. Raises Invalid for a text of more than 255 characters."""
    search = visit.asked("search")
    if search is not None and len(search) > _LONGEST:
        raise Invalid(f'"search": at most {_LONGEST} characters', field="search")
    await visit.end_transaction()
    found = await reports.find_profile(visit.platform, visit.space_id, search) if search else None
    rows = await _rows(visit, found) if found else []
    path = f"/spaces/{visit.space_id}/profiles/{path_part(search)}" if search else ""
    return Shown(
        "profile.html",
        search or "Profile",
        ProfileView(search or "", found, rows, _erase_address(visit, search or "")),
        section="profile",
        api=[path] if path else [],
    )


def _erase_address(visit: Visit, search: str) -> str:
    """Return the address of the action. It has the search, so that the page is shown again after a fault."""
    return f"{visit.link('profile', 'erase')}?{urlencode({'search': search})}"


async def _rows(visit: Visit, found: reports.FoundProfile) -> Sequence[Row]:
    reasons = await reports.explain_absences(visit.platform, visit.space_id, found)
    rows = []
    for one in found.activations:
        activation = one.overview.activation
        ids = visit.space_id, activation.audience_id, activation.id
        address = explanation_link(*ids, one.profile_of(found))
        status = reports.overview_word(one.overview)
        rows.append(Row(one, status, address, reasons.get(activation.id, ())))
    return rows


async def erase(visit: Visit) -> Done:
    """Begin the erasure of the person whose id is typed. Raises Invalid if it is not one that the page shows."""
    typed, offered = visit.sent("erase"), visit.form.get("name", ())
    if not typed or typed not in offered:
        raise Invalid(f"Type {' or '.join(offered) or 'the id'} to confirm.", field="erase")
    try:
        found = await erasure.request_erasure(
            visit.session,
            visit.platform.keyring,
            space_id=visit.space_id,
            name=typed,
            refuse=visit.sent("refuse") == "true",
            actor=visit.caller.actor,
        )
    except Invalid as error:
        raise Invalid(error.message, field="erase") from None
    note = "The erasure has begun. This page shows how far it is."
    return Done(receipt_link(visit.space_id, found.id), note)


# One activation


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """The view model of a profile in an activation; ``test`` is the result of a test send, shown only now."""

    overview: reports.Overview
    explanation: reports.Explanation
    test_address: str  # of the form that sends the profile now
    activation_address: str
    profile_address: str
    kinds: Sequence[str]
    audience_names: Mapping[str, str]
    test: Any = None
    report: Mapping[str, Any] | None = None

    @property
    def is_member(self) -> bool:
        """Whether one of the audiences has the profile now."""
        return any(one.member for one in self.explanation.memberships)


async def show_explanation(visit: Visit) -> Shown:
    """Show a profile in one activation. Raises NotFound for an activation that does not exist."""
    return await _explained(visit)


async def _explained(
    visit: Visit, test: Any = None, report: Mapping[str, Any] | None = None
) -> Shown:
    audience_id, activation_id = visit.path("audienceId"), visit.path("activationId")
    profile_id, space_id = _profile_id(visit), visit.space_id
    await visit.end_transaction()
    found = await reports.explain_profile(
        visit.platform,
        space_id=space_id,
        audience_id=audience_id,
        activation_id=activation_id,
        profile_id=profile_id,
    )
    overview = await reports.require_overview(visit.session, space_id, audience_id, activation_id)
    ids = (space_id, audience_id, activation_id, profile_id)
    view = ExplanationView(
        overview=overview,
        explanation=found,
        test_address=explanation_link(*ids, "test-send"),
        activation_address=activation_link(space_id, audience_id, activation_id),
        profile_address=profile_link(space_id, profile_id),
        kinds=sorted(kind.value for kind in ChangeKind),
        audience_names=await _audience_names(visit, overview, found),
        test=test,
        report=report,
    )
    api = [api_of(activation_link(*ids[:3], "profiles", profile_id))]
    return Shown("explanation.html", profile_id, view, section="profile", api=api)


async def _audience_names(
    visit: Visit, overview: reports.Overview, found: reports.Explanation
) -> Mapping[str, str]:
    """Return the names of the audiences of an activation: ``{audience id: name}``."""
    own = overview.activation.audience_id
    others = [one.audience_id for one in found.memberships if one.audience_id != own]
    sources = await read_sources(visit, others)
    return {own: overview.audience_name, **{one.audience.id: one.audience.name for one in sources}}


def _profile_id(visit: Visit) -> str:
    """Return the id of the path, or of the query if it cannot be in a path. Raises NotFound without one."""
    found = visit.request.path_params.get("profileId") or visit.asked("id")
    if not found:
        raise NotFound("This page does not exist.")
    return str(found)


async def send_test(visit: Visit) -> Shown:
    """Send the profile now, and show the result. Raises Invalid for a kind of change that is not known, Conflict if a sync is open."""
    kind = visit.sent("change")
    if kind not in tuple(ChangeKind):
        raise Invalid(f'"change": must be one of {", ".join(ChangeKind)}', field="change")
    await visit.end_transaction()
    sync, outcome = await planning.send_test(
        visit.platform,
        space_id=visit.space_id,
        audience_id=visit.path("audienceId"),
        activation_id=visit.path("activationId"),
        who=_profile_id(visit),
        kind=ChangeKind(kind),
        actor=visit.caller.actor,
    )
    return await _explained(visit, outcome, sync.report or {})


_ALL = "/console/spaces/{spaceId}/audiences/{audienceId}/activations/{activationId}/profiles"
_ONE = f"{_ALL}/{{profileId}}"
ROUTES = (
    PageRoute("/console/spaces/{spaceId}/profile", get(show_profile)),
    PageRoute(
        "/console/spaces/{spaceId}/profile/erase", post(erase, on=show_profile), methods=["POST"]
    ),
    *(PageRoute(one, get(show_explanation)) for one in (_ALL, _ONE)),
    *(
        PageRoute(f"{one}/test-send", post(send_test, on=show_explanation), methods=["POST"])
        for one in (_ALL, _ONE)
    ),
)
