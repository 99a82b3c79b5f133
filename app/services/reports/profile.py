"""A profile in a space: the audiences that have it, and the activations that hold it, found by an id or an identifier."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.pagination import START
from app.services.audiences import find_member
from app.services.platform import Platform, fetch_manifest
from app.services.reports.explanation import MemberRow
from app.services.reports.membership_history import member_row
from app.services.reports.read_budget import ReadBudget
from app.snapshots.engine import Cursor, LocalManifest, Manifest
from app.snapshots.holdings import find_held
from app.snapshots.membership import find_rows
from app.storage.models import Audience, Snapshot
from app.storage.repositories.overview import Overview, OverviewQueries, Sought
from app.storage.repositories.profiles import ProfileQueries

MOST_SEARCHED = 1000  # audiences, and activations
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


@dataclass(frozen=True, slots=True)
class FoundProfile:
    """What a space knows of a profile. ``unsearched`` is the number of audiences and activations that were not searched.

    ``profile_ids`` has several entries if several profiles share the identifier.
    """

    sought: str
    profile_ids: Sequence[str]
    memberships: Sequence[FoundMembership]
    activations: Sequence[FoundActivation]
    unsearched: int


async def find_profile(platform: Platform, space_id: str, sought: str) -> FoundProfile:
    """Search the current snapshots and the holdings of a space for an id or the value of an identifier.

    E-mail addresses are compared without case. Searches the 1,000 newest audiences and the 1,000 oldest activations, and ends
    after 512 MiB from the object store or 20 s.
    """
    async with platform.unit_of_work() as session:
        snapshots = await ProfileQueries(session).current_snapshots(space_id, MOST_SEARCHED)
        overviews = await OverviewQueries(session).walk(space_id, Sought(), START, MOST_SEARCHED)
    for_members, for_holdings = ReadBudget.shares(platform.objects, 2)
    rows, left = await _members(platform, snapshots, sought, for_members)
    ids = list(dict.fromkeys(row["profile_id"] for _, _, found in rows for row in found))
    values = list(dict.fromkeys([sought, sought.strip().lower(), *ids]))
    held, more = await _held(platform, overviews, values, for_holdings)
    names = [*ids, *(key.profile_id for keys in held.values() for key in keys)]
    audiences = {audience.id for audience, _, _ in rows}
    return FoundProfile(
        sought=sought,
        profile_ids=list(dict.fromkeys(names)),
        memberships=await _memberships(platform, rows),
        activations=[
            FoundActivation(
                one, one.activation.audience_id in audiences, held.get(one.activation.id, ())
            )
            for one in overviews
            if one.activation.audience_id in audiences or one.activation.id in held
        ],
        unsearched=left + more,
    )


_Rows = Sequence[tuple[Audience, Snapshot, Sequence[Mapping[str, Any]]]]


async def _members(
    platform: Platform,
    snapshots: Sequence[tuple[Audience, Snapshot]],
    sought: str,
    budget: ReadBudget,
) -> tuple[_Rows, int]:
    """Search snapshots. Returns those that have the profile, with its rows, and how many were not searched."""
    manifests = [Manifest.from_json(snapshot.manifest) for _, snapshot in snapshots]
    local = await _fetched(platform, manifests, budget)
    found = await platform.engine.run(_search_members, local, sought, lane="small")
    matching = [
        (audience, snapshot, rows)
        for (audience, snapshot), rows in zip(snapshots, found, strict=False)
        if rows
    ]
    return matching, len(snapshots) - len(found)


async def _held(
    platform: Platform, overviews: Sequence[Overview], values: Sequence[str], budget: ReadBudget
) -> tuple[Mapping[str, Sequence[FoundKey]], int]:
    """Search holdings. Returns the keys of the profile by activation, and how many activations were not searched."""
    manifests = [Manifest.from_json(one.activation.holdings) for one in overviews]
    local = await _fetched(platform, manifests, budget)
    found = await platform.engine.run(_search_held, local, values, lane="small")
    keys = {
        one.activation.id: [
            FoundKey(row["key"], row["key_type"], row["profile_id"], row["held"].value)
            for row in rows
        ]
        for one, rows in zip(overviews, found, strict=False)
        if rows
    }
    return keys, len(overviews) - len(found)


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
    cursor: Cursor, manifests: Sequence[LocalManifest], sought: str
) -> list[list[dict[str, Any]]]:
    deadline, found = time.monotonic() + _SECONDS, []
    for manifest in manifests:
        if time.monotonic() > deadline:
            break
        found.append(find_rows(cursor, manifest, sought))
    return found


def _search_held(
    cursor: Cursor, manifests: Sequence[LocalManifest], values: Sequence[str]
) -> list[list[dict[str, Any]]]:
    deadline, found = time.monotonic() + _SECONDS, []
    for manifest in manifests:
        if time.monotonic() > deadline:
            break
        empty = not manifest.base and not manifest.deltas
        found.append([] if empty else find_held(cursor, manifest, *values))
    return found


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
