"""A profile in a space: the audiences that have it, and the activations that hold it, found by an id or an identifier."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import Any

from app.core.pagination import START, Position
from app.domain.changes import Held
from app.domain.email_addresses import valid_email
from app.domain.phone_numbers import valid_phone
from app.domain.text_forms import folded, trimmed
from app.services.audiences import find_member
from app.services.platform import Platform, fetch_manifest
from app.services.reports.explain import explain_absence
from app.services.reports.explanation import MemberRow, NotHeld
from app.services.reports.membership_history import member_row
from app.services.reports.read_budget import ReadBudget
from app.snapshots.engine import Cursor, LocalManifest, Manifest
from app.snapshots.holdings import find_held
from app.snapshots.membership import find_rows
from app.storage.models import Audience, Snapshot
from app.storage.repositories.overview import Overview, OverviewQueries, Sought
from app.storage.repositories.profiles import ProfileQueries

PAGE = 1000  # audiences, or activations, that are read together
MOST_EXPLAINED = 10  # activations that do not hold the profile, of which it is looked up why
MOST_DATED = 20  # memberships of which it is looked up since when they last
_SECONDS = 10.0  # of the engine, for each of the two searches


@dataclass(frozen=True, slots=True)
class FoundMembership:
    """A row of an audience that matches. ``since`` is when it entered; ``since_is_exact`` is False if that was before.

    ``since`` is None if it was not looked up.
    """

    audience_id: str
    audience_name: str
    as_of: datetime
    row: MemberRow
    since: datetime | None
    since_is_exact: bool


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key of the profile that the destination of an activation holds, may hold, or has refused."""

    key: str
    key_type: str
    profile_id: str
    held: str


@dataclass(frozen=True, slots=True)
class FoundActivation:
    """An activation that concerns the profile: its audience has it, or its holdings do."""

    overview: Overview
    is_member: bool
    held: Sequence[FoundKey]

    def profile_of(self, found: FoundProfile) -> str:
        """Return the profile that the activation is explained for: the first that was found."""
        return (*found.profile_ids, *(key.profile_id for key in self.held), found.sought)[0]


@dataclass(frozen=True, slots=True)
class FoundProfile:
    """What a space knows of a profile. ``unsearched`` is the number of audiences and activations that were not searched any more.

    ``profile_ids`` has several entries if several profiles share the identifier.
    """

    sought: str
    profile_ids: Sequence[str]
    memberships: Sequence[FoundMembership]
    activations: Sequence[FoundActivation]
    searched_audiences: int
    searched_activations: int
    unsearched: int


async def find_profile(
    platform: Platform, space_id: str, sought: str, *, activation_id: str | None = None
) -> FoundProfile:
    """Search the current snapshots and the holdings of a space for an id or the value of an identifier.

    E-mail addresses are compared without case, and keys at destinations in the forms in which they are sent. All audiences are searched, the newest first, and all activations, the oldest
    first, or the one with this id. The search ends after 512 MiB from the object store or 20 s.
    """
    for_members, for_holdings = ReadBudget.shares(platform.objects, 2)
    rows, of_audiences = await _members(platform, space_id, sought, for_members)
    ids = list(dict.fromkeys(row["profile_id"] for _, _, found in rows for row in found))
    values = list(dict.fromkeys([*_sent_forms(sought), *ids]))
    audiences = {audience.id for audience, _, _ in rows}
    wanted = Sought(activation_id=activation_id)
    activations, of_activations = await _held(
        platform, space_id, wanted, values, audiences, for_holdings
    )
    names = [*ids, *(key.profile_id for one in activations for key in one.held)]
    return FoundProfile(
        sought=sought,
        profile_ids=list(dict.fromkeys(names)),
        memberships=await _memberships(platform, rows),
        activations=activations,
        searched_audiences=of_audiences.searched,
        searched_activations=of_activations.searched,
        unsearched=of_audiences.left + of_activations.left,
    )


def _sent_forms(sought: str) -> list[str]:
    """Return what destinations may have for a text that a person typed or pasted."""
    forms = (sought, trimmed(sought), folded(sought), valid_email(sought), valid_phone(sought))
    return [one for one in forms if one]


async def explain_absences(
    platform: Platform, space_id: str, found: FoundProfile
) -> Mapping[str, Sequence[NotHeld]]:
    """Return why destinations do not have a profile that was found, by activation; for the first 10 that do not hold it."""
    reasons: dict[str, Sequence[NotHeld]] = {}
    for one in found.activations:
        if any(key.held == Held.YES for key in one.held) or len(reasons) == MOST_EXPLAINED:
            continue
        activation = one.overview.activation
        reasons[activation.id] = await explain_absence(
            platform,
            space_id=space_id,
            audience_id=activation.audience_id,
            activation_id=activation.id,
            profile_id=one.profile_of(found),
        )
    return reasons


_Rows = Sequence[tuple[Audience, Snapshot, Sequence[Mapping[str, Any]]]]


@dataclass(slots=True)
class _EngineTime:
    """The seconds that a search may still use the engine for; the wait for the engine does not count."""

    left: float

    def within(self, manifests: Iterable[LocalManifest]) -> Iterator[LocalManifest]:
        """Yield manifests to search while there is time, and subtract what that took."""
        for manifest in manifests:
            if self.left < 0:
                return
            began = time.monotonic()
            yield manifest
            self.left -= time.monotonic() - began


@dataclass(frozen=True, slots=True)
class _Covered:
    """How many audiences or activations were searched, and how many are left."""

    searched: int
    left: int


async def _members(
    platform: Platform, space_id: str, sought: str, budget: ReadBudget
) -> tuple[_Rows, _Covered]:
    """Search snapshots, page by page. Returns those that have the profile, with its rows."""
    engine_time = _EngineTime(_SECONDS)
    matching: list[tuple[Audience, Snapshot, Sequence[Mapping[str, Any]]]] = []
    searched, before = 0, None
    while True:
        async with platform.unit_of_work() as session:
            page = await ProfileQueries(session).current_snapshots(space_id, before, PAGE)
        manifests = [Manifest.from_json(snapshot.manifest) for _, snapshot in page]
        local = await _fetched(platform, manifests, budget)
        found = await platform.engine.run(_search_members, local, sought, engine_time, lane="small")
        matching += [
            (audience, snapshot, rows)
            for (audience, snapshot), rows in zip(page, found, strict=False)
            if rows
        ]
        searched += len(found)
        if len(found) < len(page):
            async with platform.unit_of_work() as session:
                total = await ProfileQueries(session).count_computed(space_id)
            return matching, _Covered(searched, max(total - searched, 0))
        if len(page) < PAGE:
            return matching, _Covered(searched, 0)
        before = page[-1][1].id


async def _held(
    platform: Platform,
    space_id: str,
    wanted: Sought,
    values: Sequence[str],
    audiences: Collection[str],
    budget: ReadBudget,
) -> tuple[Sequence[FoundActivation], _Covered]:
    """Search holdings, page by page. Returns the activations that hold the profile, or whose audience has it."""
    engine_time = _EngineTime(_SECONDS)
    concerned: list[FoundActivation] = []
    searched, position = 0, START
    while True:
        async with platform.unit_of_work() as session:
            page = await OverviewQueries(session).walk(space_id, wanted, position, PAGE)
        manifests = [Manifest.from_json(one.activation.holdings) for one in page]
        local = await _fetched(platform, manifests, budget)
        found = await platform.engine.run(_search_held, local, values, engine_time, lane="small")
        unread: Sequence[dict[str, Any]] = ()
        for one, rows in zip(page, [*found, *repeat(unread, len(page) - len(found))], strict=True):
            is_member = one.activation.audience_id in audiences
            if rows or is_member:
                concerned.append(FoundActivation(one, is_member, [_key(row) for row in rows]))
        searched += len(found)
        if len(found) < len(page):
            async with platform.unit_of_work() as session:
                total = await OverviewQueries(session).count(space_id, wanted)
            return concerned, _Covered(searched, max(total - searched, 0))
        if len(page) < PAGE:
            return concerned, _Covered(searched, 0)
        position = Position("after", (page[-1].activation.id,))


def _key(row: Mapping[str, Any]) -> FoundKey:
    return FoundKey(row["key"], row["key_type"], row["profile_id"], row["held"].value)


async def _fetched(
    platform: Platform, manifests: Iterable[Manifest], budget: ReadBudget
) -> list[LocalManifest]:
    """Fetch the files of manifests, up to the first that the budget does not reach."""
    local = []
    for manifest in manifests:
        if not await budget.reaches(manifest.files):
            break
        local.append(await fetch_manifest(platform.objects, manifest))
    return local


def _search_members(
    cursor: Cursor, manifests: Sequence[LocalManifest], sought: str, engine_time: _EngineTime
) -> list[list[dict[str, Any]]]:
    """Search snapshots while there is time. Returns the rows of each that was searched."""
    return [find_rows(cursor, manifest, sought) for manifest in engine_time.within(manifests)]


def _search_held(
    cursor: Cursor,
    manifests: Sequence[LocalManifest],
    values: Sequence[str],
    engine_time: _EngineTime,
) -> list[list[dict[str, Any]]]:
    """Search holdings while there is time. Returns the rows of each that was searched."""
    return [
        find_held(cursor, one, *values) if one.base or one.deltas else []
        for one in engine_time.within(manifests)
    ]


async def _memberships(platform: Platform, rows: _Rows) -> list[FoundMembership]:
    found: list[FoundMembership] = []
    for audience, snapshot, members in rows:
        for member in members:
            since, exact = None, False
            if len(found) < MOST_DATED:
                looked = await find_member(
                    platform,
                    space_id=audience.space_id,
                    audience_id=audience.id,
                    profile_id=member["member_id"],
                )
                since = looked.since.as_of if looked.since else None
                exact = looked.since_is_exact
            row = member_row(member)
            found.append(
                FoundMembership(audience.id, audience.name, snapshot.as_of, row, since, exact)
            )
    return found
