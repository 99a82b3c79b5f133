"""People in an activation: the search among held members, a test send of a member, and the check of the partner's list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.console.addresses import explanation_link
from app.console.lists import page_of
from app.console.visits import Visit
from app.core.errors import Invalid, NotFound
from app.core.pagination import Page
from app.core.suggestions import listed
from app.domain.changes import ChangeKind
from app.services import activations, holdings, planning, reports

LONGEST = 255  # characters of an id or identifier


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A key that the destination holds, may hold, or has refused."""

    key: str
    key_type: str
    profile_id: str
    held: str
    arm: str
    address: str


@dataclass(frozen=True, slots=True)
class HeldContent:
    """A page of the held members, or those that a search has found. ``unsearched`` says that the search was not complete."""

    search: str
    page: Page[HeldRow]
    unsearched: bool = False


@dataclass(frozen=True, slots=True)
class DriftResult:
    """What a check of the partner's list has found; shown only now."""

    drift: Any
    is_repaired: bool

    @property
    def can_repair(self) -> bool:
        """Whether there is a difference that the next sync can correct."""
        return not self.is_repaired and self.drift.missing + self.drift.extra > 0

    @property
    def parts(self) -> Sequence[tuple[str, str, int, Sequence[Mapping[str, Any]]]]:
        """Title, explanation, number and samples of each kind of difference."""
        found = self.drift
        return (
            (
                "Missing",
                "Recorded as there, but not in the partner's list. A repair sends them again.",
                found.missing,
                found.missing_samples,
            ),
            (
                "Extra",
                "In the partner's list, although they were removed. A repair removes them again.",
                found.extra,
                found.extra_samples,
            ),
            (
                "Foreign",
                "In the partner's list, and never sent by this service. They are not changed.",
                found.foreign,
                found.foreign_samples,
            ),
        )


@dataclass(frozen=True, slots=True)
class TestSent:
    """The result of a test send; shown only now."""

    __test__ = False
    outcome: Any
    sync: Any
    profile_address: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TestContent:
    """The form of a test send."""

    __test__ = False
    who: str
    change: str
    kinds: Sequence[str]


async def held_content(visit: Visit, overview: reports.Overview) -> HeldContent:
    """Return a page of held members, or what the search has found. Raises Invalid for a text that is too long."""
    activation, search = overview.activation, visit.asked("search") or ""
    if len(search) > LONGEST:
        raise Invalid(f'"search": at most {LONGEST} characters', field="search")
    await visit.end_transaction()
    if search:
        found = await reports.find_profile(
            visit.platform, visit.space_id, search, activation_id=activation.id
        )
        keys = [one.held for one in found.activations]
        rows = [_row(visit, activation, key) for held in keys for key in held]
        return HeldContent(search, Page(rows, current="", total=len(rows)), found.unsearched > 0)
    page, _ = await holdings.page_held(
        visit.platform,
        space_id=visit.space_id,
        audience_id=activation.audience_id,
        activation_id=activation.id,
        request=page_of(visit),
    )
    return HeldContent("", page.map(lambda row: _listed(visit, activation, row)))


def _row(visit: Visit, activation: Any, key: Any) -> HeldRow:
    address = _profile(visit, activation.audience_id, activation.id, key.profile_id)
    return HeldRow(key.key, key.key_type, key.profile_id, key.held, "", address)


def _listed(visit: Visit, activation: Any, row: Mapping[str, Any]) -> HeldRow:
    address = _profile(visit, activation.audience_id, activation.id, row["profile_id"])
    return HeldRow(
        row["key"],
        row["key_type"] or "",
        row["profile_id"],
        row["held"].value,
        row["arm"] or "",
        address,
    )


def _profile(visit: Visit, audience_id: str, activation_id: str, profile_id: str) -> str:
    return explanation_link(visit.space_id, audience_id, activation_id, profile_id)


async def check_list(
    visit: Visit, audience_id: str, activation_id: str, *, repair: bool
) -> DriftResult:
    """Compare the partner's list with what is held, and repair it if asked. Raises Conflict if the list cannot be read."""
    await visit.end_transaction()
    drift = await holdings.check_drift(
        visit.platform,
        space_id=visit.space_id,
        audience_id=audience_id,
        activation_id=activation_id,
        repair=repair,
        actor=visit.caller.actor,
        now=visit.now,
    )
    return DriftResult(drift, repair)


async def test_content(visit: Visit, overview: reports.Overview) -> TestContent:
    """Return the form as it was sent, or an empty one."""
    kinds = sorted(kind.value for kind in ChangeKind)
    return TestContent(visit.sent("who"), visit.sent("change"), kinds)


async def send_member(visit: Visit, audience_id: str, activation_id: str) -> TestSent:
    """Send one member now, named by its id or by an identifier.

    Raises Invalid if no member has it, or several; Conflict if a sync is open.
    """
    who, change = visit.sent("who"), visit.sent("change")
    if not who or len(who) > LONGEST:
        words = f"Enter the id or the e-mail address of a member, at most {LONGEST} characters."
        raise Invalid(words, field="who")
    if change not in tuple(ChangeKind):
        raise Invalid(f"The change must be one of {', '.join(ChangeKind)}.", field="change")
    sources = await _audiences(visit, audience_id, activation_id)
    await visit.end_transaction()
    try:
        sync, outcome = await _send(visit, audience_id, activation_id, who, change)
    except NotFound:
        who = await _member(visit, sources, who)
        sync, outcome = await _send(visit, audience_id, activation_id, who, change)
    address = _profile(visit, audience_id, activation_id, who)
    return TestSent(outcome, sync, address, sync.report or {})


async def _audiences(visit: Visit, audience_id: str, activation_id: str) -> set[str]:
    """Return the audiences that the activation sends. Raises NotFound."""
    options = await activations.get_delivery_options(
        visit.session, visit.space_id, audience_id, activation_id
    )
    return {audience_id, *options.audiences}


async def _member(visit: Visit, sources: set[str], sought: str) -> str:
    """Return the member that has an identifier. Raises Invalid if there is none, or several."""
    found = await reports.find_profile(visit.platform, visit.space_id, sought)
    ids = list(
        dict.fromkeys(one.row.profile_id for one in found.memberships if one.audience_id in sources)
    )
    if len(ids) == 1:
        return ids[0]
    if ids:
        raise Invalid(f"Several members have it: {listed(ids)}. Enter an id.", field="who")
    words = " The space has many audiences, and not all were searched." if found.unsearched else ""
    raise Invalid(f"No member of the audience has “{sought}”.{words}", field="who")


async def _send(
    visit: Visit, audience_id: str, activation_id: str, who: str, change: str
) -> tuple[Any, Any]:
    return await planning.send_test(
        visit.platform,
        space_id=visit.space_id,
        audience_id=audience_id,
        activation_id=activation_id,
        who=who,
        kind=ChangeKind(change),
        actor=visit.caller.actor,
    )
