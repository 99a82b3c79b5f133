"""Who a sync left out: its left-out members page by page, and the arms of its split with their members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from app.core.errors import Invalid
from app.core.pagination import UNREADABLE, Page, PageRequest, Position
from app.domain.changes import ChangeKind
from app.domain.left_out import LeftOut
from app.domain.places import list_name, place_of
from app.services.accounts import connector_class
from app.services.platform import Platform, fetch_file, fetch_manifest
from app.services.revision import Revision, arms_at, list_of, spec_from_json, uses_list
from app.snapshots.engine import Lane, Manifest, PlanSpec, StoredFile, lane_of
from app.snapshots.plans import (
    LISTED,
    ArmRow,
    LeftOutMember,
    PlannedFrom,
    SentRow,
    count_arms,
    read_left_out,
)
from app.storage.models import Activation, Snapshot, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.batch_log import BatchLogQueries
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.pins import PinRepository
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.syncs import SyncRepository

_SMALL = 50_000  # members that are read beside other short work


@dataclass(frozen=True, slots=True)
class LeftOutPage:
    """A page of left-out members. ``counts`` are those of the plan, by reason.

    ``unlisted``: the reasons that it counts and whose members cannot be named: those that depend on what other activations
    did then, and all of them when the memberships that the sync was planned from are no longer kept.
    """

    page: Page[LeftOutMember]
    counts: Mapping[str, int]
    unlisted: Sequence[str]


@dataclass(frozen=True, slots=True)
class SplitArm:
    """An arm of a split in a sync.

    ``share``: the wanted part of the members, in percent; None for an arm that the split no longer has. ``members`` are
    those of the audience now that the split gives it; ``sent`` and ``removed`` are the changes of the plan.
    ``list_id`` is the list at the partner that it writes to; ``list_name`` the name with which the service creates a list of
    its own for the arm, or the list that is still to come. None if there is none.
    ``delivered``: how many of its changes the partner has accepted; None if parts share a place, or batches are not kept.
    """

    name: str
    share: float | None
    is_sent: bool
    members: int
    sent: int
    removed: int
    left_out: Mapping[str, int]
    list_id: str | None = None
    list_name: str | None = None
    delivered: int | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    """A planned sync, with what it was planned from. ``snapshots`` is None if some are no longer kept."""

    sync: Sync
    activation: Activation
    spec: PlanSpec | None
    snapshots: Sequence[Snapshot] | None
    revision: Revision | None = None

    @property
    def rows(self) -> int:
        """The number of members, those of several audiences counted for each."""
        return sum(one.row_count for one in self.snapshots or ())

    @property
    def lane(self) -> Lane:
        """The lane of the engine: each page computes all keys."""
        return "small" if self.rows <= _SMALL else lane_of(self.rows)

    @property
    def is_readable(self) -> bool:
        """Whether the sync is planned, and what it was planned from is kept."""
        return self.spec is not None and bool(self.snapshots)

    @property
    def has_plan(self) -> bool:
        """Whether the plan's file is kept, or there was none because nothing changed."""
        return self.sync.plan is not None or not self.sync.planned


async def page_left_out(
    platform: Platform,
    *,
    space_id: str,
    audience_id: str,
    activation_id: str,
    sync_id: str,
    request: PageRequest,
    reason: LeftOut | None = None,
) -> LeftOutPage:
    """Return a page of the members that a sync or dry run left out, by member id, of one reason if it is given.

    They are computed from the memberships that the sync was planned from. Raises NotFound.
    """
    position = request.position(width=2)
    source = await _source(platform, space_id, audience_id, activation_id, sync_id)
    counts: Mapping[str, int] = source.sync.left_out
    listed = _listed(source)
    wanted = [one for one in listed if counts.get(one) and reason in (None, one)]
    found: list[LeftOutMember] = []
    after = _after(position)
    if wanted:
        planned = await _planned(platform, source)
        found = await platform.engine.run(
            read_left_out, planned, wanted, after, request.count + 1, lane=source.lane
        )
    entries = found[: request.count]
    following = _position(entries[-1]).encode() if len(found) > request.count else None
    page = Page(entries, current=position.encode(), next=following)
    return LeftOutPage(page, counts, [one for one in counts if one not in listed])


async def split_arms(
    platform: Platform,
    *,
    space_id: str,
    audience_id: str,
    activation_id: str,
    sync_id: str,
    most: int | None = None,
) -> Sequence[SplitArm] | None:
    """Return the arms of the split of a sync or dry run; empty without a split.

    Returns None if the sync is not planned, if what it was planned from is no longer kept, or if it has more than ``most``
    members. Raises NotFound.
    """
    source = await _source(platform, space_id, audience_id, activation_id, sync_id)
    if source.spec is not None and not source.spec.arms:
        return []
    if source.spec is None or not source.is_readable or not source.has_plan:
        return None
    if most is not None and source.rows > most:
        return None
    planned = await _planned(platform, source)
    arms, sent = await platform.engine.run(count_arms, planned, lane=source.lane)
    return await _with_lists(platform, source, _arms(source.spec, arms, sent))


async def _with_lists(
    platform: Platform, source: _Source, rows: Sequence[SplitArm]
) -> Sequence[SplitArm]:
    """Return the arms with their lists at the partner, if the action writes to lists."""
    activation = source.activation
    async with platform.unit_of_work() as session:
        destination = await DestinationRepository(session).known(
            activation.space_id, activation.destination_id
        )
        made = await ConnectionRepository(session).made_lists(activation)
        batches = await BatchLogQueries(session).delivered(activation.space_id, source.sync.id)
    rows = _with_delivered(source.sync, rows, batches)
    if destination is None or source.spec is None or source.revision is None:
        return rows
    definition = connector_class(destination.slug).definition
    if definition.arm_places != "lists" or not uses_list(definition, source.revision):
        return rows
    places = {arm.name: arm.place for arm in source.spec.arms if arm.sent}
    found = []
    for row in rows:
        if row.name not in places:
            found.append(row)
            continue
        place = place_of(places[row.name])
        list_id = list_of(made, activation.id, place.text)
        is_new = place.arm is not None or list_id is None
        name = list_name(activation.name, place) if is_new else None
        found.append(replace(row, list_id=list_id, list_name=name))
    return found


def _with_delivered(
    sync: Sync, rows: Sequence[SplitArm], batches: Sequence[tuple[int, int]]
) -> Sequence[SplitArm]:
    """Return the arms with what was delivered of each. ``batches``: first row and delivered changes."""
    counts: dict[str, int] = {}
    for first_row, delivered in batches:
        named = arms_at(sync.spec or {}, first_row)
        if len(named) != 1:
            return rows
        counts[named[0]] = counts.get(named[0], 0) + delivered
    if not batches and sync.planned:
        return rows
    return [replace(row, delivered=counts.get(row.name, 0)) for row in rows]


async def _source(
    platform: Platform, space_id: str, audience_id: str, activation_id: str, sync_id: str
) -> _Source:
    async with platform.unit_of_work() as session:
        activation = await ActivationRepository(session).require(
            space_id, audience_id, activation_id
        )
        sync = await SyncRepository(session).require_in(space_id, activation_id, sync_id)
        if sync.spec is None or sync.revision_id is None:
            return _Source(sync, activation, None, None)
        stored = await RevisionRepository(session).get(space_id, sync.revision_id)
        revision = Revision.parse(stored.config) if stored is not None else None
        others = revision.audiences if revision is not None else ()
        pinned = await PinRepository(session).pinned(space_id, sync_id)
        ids = [pinned[one] for one in (audience_id, *others) if one in pinned]
        found = [await SnapshotRepository(session).get(space_id, one) for one in ids]
    kept = [one for one in found if one is not None]
    complete = len(kept) == len(found) and stored is not None
    return _Source(
        sync, activation, spec_from_json(sync.spec), kept if complete else None, revision
    )


def _listed(source: _Source) -> list[LeftOut]:
    """Return the reasons whose members can be computed. Of refused ones, the plan must be known."""
    if not source.is_readable:
        return []
    return [one for one in LISTED if one is not LeftOut.REFUSED_BEFORE or source.has_plan]


async def _planned(platform: Platform, source: _Source) -> PlannedFrom:
    assert source.spec is not None  # noqa: S101  it is readable
    plan = source.sync.plan
    return PlannedFrom(
        spec=source.spec,
        wanted=[
            await fetch_manifest(platform.objects, Manifest.from_json(one.manifest))
            for one in source.snapshots or ()
        ],
        holdings=await fetch_manifest(
            platform.objects, Manifest.from_json(source.activation.holdings)
        ),
        plan=await fetch_file(platform.objects, StoredFile(**plan)) if plan else None,
    )


def _after(position: Position) -> tuple[str, str] | None:
    """Return member id and reason after which a page begins. Raises Invalid if the cursor is of another list."""
    if not position.key:
        return None
    member_id, reason = position.key
    if position.side != "after" or reason not in tuple(LeftOut):
        raise Invalid(UNREADABLE, field="pagination.cursor")
    return unquote(member_id), reason


def _position(member: LeftOutMember) -> Position:
    # An id may contain any character, a cursor only plain ones.
    return Position("after", (quote(member.member_id, safe=""), member.reason.value))


def _arms(spec: PlanSpec, arms: Sequence[ArmRow], sent: Sequence[SentRow]) -> list[SplitArm]:
    """Return the arms with the changes of their places, or of the profiles that they have if places are shared."""
    changes: dict[str, list[int]] = {}
    for one in sent:
        counted = changes.setdefault(_arm_of(spec, one), [0, 0])
        counted[one.kind == ChangeKind.EXITED] += one.changes
    whole = sum(arm.weight for arm in spec.arms)
    rows = [
        SplitArm(
            name=arm.name,
            share=100 * arm.weight / whole if whole else 0.0,
            is_sent=arm.sent,
            members=row.members,
            sent=changes.get(arm.name, [0, 0])[0],
            removed=changes.get(arm.name, [0, 0])[1],
            left_out=row.left_out,
        )
        for arm, row in zip(spec.arms, arms, strict=True)
    ]
    named = {arm.name for arm in spec.arms}
    return rows + [
        SplitArm(name, None, False, 0, sent_count, removed, {})
        for name, (sent_count, removed) in changes.items()
        if name not in named
    ]


def _arm_of(spec: PlanSpec, sent: SentRow) -> str:
    at_place = [arm.name for arm in spec.arms if arm.sent and arm.place == sent.place]
    if len(at_place) == 1:
        return at_place[0]
    former = place_of(sent.place).arm
    return former or sent.arm or ""
