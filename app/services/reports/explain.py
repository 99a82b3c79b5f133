"""Explain: membership, keys, holdings and delivery history of one profile in one activation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from app.connectors.base import Delivery, Refusal
from app.core import clock
from app.domain.left_out import LeftOut
from app.services.accounts import connector_class
from app.services.delivery import Renderer, build_event_frame, build_renderer
from app.services.platform import Platform, fetch_file, fetch_manifest
from app.services.reports.explanation import (
    DeliveryEvent,
    Explanation,
    HeldKey,
    MemberRow,
    Membership,
    NotHeld,
    UnsearchedSync,
    WantedKey,
)
from app.services.reports.membership_history import membership_history, snapshots_of
from app.services.reports.not_held import why_not_held
from app.services.reports.other_holders import other_holders
from app.services.reports.read_budget import ReadBudget
from app.services.revision import Revision, build_plan_spec
from app.services.revision import arm_of as placement_arm
from app.services.syncs import view_attempt
from app.snapshots.engine import (
    MEDIUM_ROWS,
    Manifest,
    PlannedChange,
    PlanSpec,
    StoredFile,
    key_position,
    lane_of,
)
from app.snapshots.holdings import find_held, find_profile
from app.snapshots.plans import find_keepers, read_member
from app.storage.models import Activation, Attempt, Audience, Snapshot, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.explanations import ExplanationQueries
from app.storage.repositories.revisions import RevisionRepository

_SYNCS = 200  # newest syncs that are searched


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database contains about one activation."""

    activation: Activation
    spec: PlanSpec
    arm_of: Callable[[str | None, str], str | None]  # by a key's place and profile
    renderer: Renderer
    sources: Sequence[tuple[Audience, Sequence[Snapshot]]]
    syncs: Sequence[Sync]


async def explain_profile(
    platform: Platform, *, space_id: str, audience_id: str, activation_id: str, profile_id: str
) -> Explanation:
    """Explain why a profile is, or is not, at the destination of an activation."""
    known = await _gather(platform, space_id, audience_id, activation_id)
    of_syncs, *searches = ReadBudget.shares(platform.objects, 1 + len(known.sources))
    memberships = [
        await membership_history(platform, audience, snapshots, profile_id, search)
        for (audience, snapshots), search in zip(known.sources, searches, strict=True)
    ]
    wanted, left_out = await _wanted_now(platform, known, memberships)
    held = await _held(
        platform, known, profile_id
    )  # read first: the newest history needs these files too
    left_out = await _with_shared(platform, known, memberships, wanted, left_out, held)
    history, stopped = await _history(platform, known, profile_id, of_syncs)
    keys = {(one.key_type, one.key) for found in (wanted, held, history) for one in found}
    others = await other_holders(platform, space_id, activation_id, keys)
    return Explanation(
        profile_id=profile_id,
        memberships=memberships,
        wanted=wanted,
        left_out=left_out,
        held=held,
        not_held=why_not_held(known.activation, memberships, wanted, left_out, held),
        held_by_others=others,
        history=history,
        history_stopped_at=UnsearchedSync(stopped.id, stopped.number, stopped.planned_at)
        if stopped
        else None,
    )


async def explain_absence(
    platform: Platform, *, space_id: str, audience_id: str, activation_id: str, profile_id: str
) -> Sequence[NotHeld]:
    """Return why the destination of an activation does not have a profile, empty if it does; without its history."""
    known = await _gather(platform, space_id, audience_id, activation_id)
    searches = ReadBudget.shares(platform.objects, max(len(known.sources), 1))
    memberships = [
        await membership_history(platform, audience, snapshots[:1], profile_id, search)
        for (audience, snapshots), search in zip(known.sources, searches, strict=False)
    ]
    wanted, left_out = await _wanted_now(platform, known, memberships)
    held = await _held(platform, known, profile_id)
    left_out = await _with_shared(platform, known, memberships, wanted, left_out, held)
    return why_not_held(known.activation, memberships, wanted, left_out, held)


async def _wanted_now(
    platform: Platform, known: _Known, memberships: Sequence[Membership]
) -> tuple[list[WantedKey], dict[str, int]]:
    """Compute the keys of the profile from the first audience that has it. Returns them, and the number left out by reason."""
    for found, (_, snapshots) in zip(memberships, known.sources, strict=True):
        if found.row:
            return await _wanted(platform, known, found.row, snapshots[0])
    return [], {}


async def _gather(
    platform: Platform, space_id: str, audience_id: str, activation_id: str
) -> _Known:
    async with platform.unit_of_work() as session:
        activation = await ActivationRepository(session).require(
            space_id, audience_id, activation_id
        )
        stored = await RevisionRepository(session).get(space_id, activation.revision_id)
        destination = await DestinationRepository(session).get(space_id, activation.destination_id)
        assert stored is not None and destination is not None  # noqa: S101, PT018  foreign keys
        revision = Revision.parse(stored.config)
        definition = connector_class(destination.slug).definition
        made = await ConnectionRepository(session).made_lists(activation)
        spec = build_plan_spec(
            definition,
            revision,
            kind="incremental",
            sync_number=activation.sync_number,
            activation_id=activation_id,
            max_rows=definition.max_rows,
            made_lists=made,
        )
        sources = [
            (audience, await snapshots_of(session, audience))
            for audience in await AudienceRepository(session).sources_of(space_id, activation_id)
        ]
        frame = build_event_frame("explain", clock.now(), sources[0][0], revision, activation, made)
        syncs = await ExplanationQueries(session).settled_syncs(space_id, activation_id, _SYNCS)
        arm_of = partial(placement_arm, revision, activation_id)
        renderer = build_renderer(definition, revision, frame)
        return _Known(activation, spec, arm_of, renderer, sources, syncs)


async def _wanted(
    platform: Platform, known: _Known, member: MemberRow, snapshot: Snapshot
) -> tuple[list[WantedKey], dict[str, int]]:
    """Compute the keys of this one member as the planner does. Returns them, and the number left out by reason."""
    whole = await fetch_manifest(platform.objects, Manifest.from_json(snapshot.manifest))
    rows, left_out = await platform.engine.run(
        read_member, known.spec, whole, member.id, lane="small"
    )
    return [_wanted_key(known, change) for change in rows], left_out


async def _with_shared(
    platform: Platform,
    known: _Known,
    memberships: Sequence[Membership],
    wanted: Sequence[WantedKey],
    left_out: dict[str, int],
    held: Sequence[HeldKey],
) -> dict[str, int]:
    """Add ``shared_key`` to the reasons if other members are sent with the keys of the profile.

    All keys of the audiences are computed for this, so only if nothing else says why the profile is not held, and not of
    large audiences.
    """
    member = next((one.row for one in memberships if one.row), None)
    if member is None or not wanted or left_out or held or known.spec.key != "identifiers":
        return left_out
    current = [snapshots[0] for _, snapshots in known.sources if snapshots]
    count = sum(one.row_count for one in current)
    if count > MEDIUM_ROWS:
        return left_out
    whole = [
        await fetch_manifest(platform.objects, Manifest.from_json(one.manifest)) for one in current
    ]
    lane = lane_of(count)
    keys = [one.position for one in wanted]
    keepers = await platform.engine.run(find_keepers, known.spec, whole, keys, lane=lane)
    if all(keepers.get(key, member.id) != member.id for key in keys):
        return {LeftOut.SHARED_KEY.value: 1}
    return left_out


def _wanted_key(known: _Known, change: PlannedChange) -> WantedKey:
    rendered = known.renderer.render(change)
    return WantedKey(
        key=change.key,
        key_type=change.key_type,
        arm=known.arm_of(change.place, change.profile_id),
        identity=dict(change.identity),
        traits=dict(change.traits),
        fields=dict(rendered.fields) if isinstance(rendered, Delivery) else None,
        unmapped=rendered.message if isinstance(rendered, Refusal) else None,
        position=key_position(change),
    )


async def _held(platform: Platform, known: _Known, profile_id: str) -> list[HeldKey]:
    local = await fetch_manifest(platform.objects, Manifest.from_json(known.activation.holdings))
    found = await platform.engine.run(find_held, local, profile_id, lane="small")
    return [
        HeldKey(
            key=row["key"],
            key_type=row["key_type"],
            arm=known.arm_of(row["place"], row["profile_id"]),
            identity=row["identity"],
            held=row["held"].value,
            assumed=row["assumed"],
            refused=row["refused"],
            partner_id=row["partner_id"],
            sync_number=row["sync"],
        )
        for row in found
    ]


async def _history(
    platform: Platform, known: _Known, profile_id: str, search: ReadBudget
) -> tuple[list[DeliveryEvent], Sync | None]:
    """Return a profile's changes in syncs, and the newest sync that the read budget did not reach."""
    by_number = {sync.number: sync for sync in known.syncs}
    outcomes: list[Path] = []
    stopped: Sync | None = None
    for sync in known.syncs:
        assert sync.outcome is not None  # noqa: S101  only settled syncs with an outcome are read
        file = StoredFile(**sync.outcome)
        if not await search.reaches([file]):
            stopped = sync
            break
        outcomes.append(await fetch_file(platform.objects, file))
    found = await platform.engine.run(find_profile, outcomes, profile_id, lane="small")
    batches = {
        (by_number[row["sync_number"]].id, row["batch"])
        for row in found
        if row["batch"] is not None
    }
    async with platform.unit_of_work() as session:
        attempts = await ExplanationQueries(session).attempts(
            known.activation.space_id, sorted(batches)
        )
    events = [
        _event(row, by_number[row["sync_number"]], known.arm_of(row["place"], profile_id), attempts)
        for row in found
    ]
    return events, stopped


def _event(
    row: Mapping[str, Any], sync: Sync, arm: str | None, attempts: Sequence[Attempt]
) -> DeliveryEvent:
    return DeliveryEvent(
        sync_id=sync.id,
        sync_number=sync.number,
        planned_at=sync.planned_at,
        revision=sync.revision_id,
        kind=row["kind"],
        disposition=row["disposition"],
        code=row["code"],
        message=row["message"],
        key=row["key"],
        key_type=row["key_type"],
        arm=arm,
        identity=row["identity"],
        held=row["held"],
        partner_id=row["partner_id"],
        batch=row["batch"],
        attempts=[
            view_attempt(attempt)
            for attempt in attempts
            if (attempt.sync_id, attempt.number) == (sync.id, row["batch"])
        ],
    )
