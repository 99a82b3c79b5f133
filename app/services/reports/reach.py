"""Reach: how many members of an audience each destination can take, after any run, with or without an activation.

Counts of a plan are used if there are any; else the engine counts the snapshots, once for each choice of keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Definition
from app.core.errors import Conflict, Invalid
from app.core.pagination import Page, PageRequest, make_page
from app.domain.left_out import LeftOut
from app.domain.options import MOST_AUDIENCES
from app.services.accounts import connector_class
from app.services.audiences import get_run, get_snapshot
from app.services.platform import Platform, fetch_manifest
from app.services.revision import Revision, build_plan_spec, default_id_sync
from app.snapshots.engine import Manifest, PlanSpec
from app.snapshots.plans import Reach, count_reach
from app.storage.models import Activation, Audience, Destination, DestinationConnection, Snapshot
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.reach import ReachQueries

# The type of an activation that does not exist yet: it does not matter for the choice of keys.
_ANY_TYPE = "Audience Membership Changed"


@dataclass(frozen=True, slots=True)
class ReachRow:
    """One destination, or one activation on it; ``reach`` is None if an audience was never computed."""

    destination: Destination
    connection_id: str | None
    activation: Activation | None
    audience_ids: Sequence[str]
    reach: Reach | None


@dataclass(frozen=True, slots=True)
class Found:
    """The reach of an audience; ``snapshot`` is None if it was never computed."""

    snapshot: Snapshot | None
    page: Page[ReachRow]


@dataclass(slots=True)
class _Asked:
    """One row before it is counted; ``known`` is the count of a plan."""

    destination: Destination
    connection_id: str | None
    activation: Activation | None
    snapshots: Mapping[str, Snapshot | None]  # by audience, in order
    spec: PlanSpec
    known: Reach | None = None


@dataclass(slots=True)
class _Counter:
    """Counts each union of snapshots once for each choice of keys."""

    platform: Platform
    _counted: dict[tuple[str, ...], Reach] = field(default_factory=dict)

    async def row(self, asked: _Asked) -> ReachRow:
        audiences = list(asked.snapshots)
        snapshots = [snapshot for snapshot in asked.snapshots.values() if snapshot is not None]
        reach = asked.known
        if reach is None and len(snapshots) == len(audiences):
            reach = await self._count(asked.spec, snapshots)
        return ReachRow(asked.destination, asked.connection_id, asked.activation, audiences, reach)

    async def _count(self, spec: PlanSpec, snapshots: Sequence[Snapshot]) -> Reach:
        key = (repr(spec), *(snapshot.id for snapshot in snapshots))
        if key not in self._counted:
            local = [
                await fetch_manifest(self.platform.objects, Manifest.from_json(snapshot.manifest))
                for snapshot in snapshots
            ]
            self._counted[key] = await self.platform.engine.run(
                count_reach, spec, local, lane="small"
            )
        return self._counted[key]


async def audience_reach(
    platform: Platform,
    *,
    space_id: str,
    audience_id: str,
    run_id: str | None,
    request: PageRequest,
) -> Found:
    """Count the reach at each connected destination, by activation if it has any; by default after the newest run.

    Raises NotFound if audience or run do not exist, and Conflict if the run has no snapshot.
    """
    position = request.position()
    async with platform.unit_of_work() as session:
        audience = await AudienceRepository(session).require(space_id, audience_id)
        snapshot = await _snapshot(session, audience, run_id)
        repository = ConnectionRepository(session)
        found = await repository.walk_connected(space_id, audience_id, position, request.count + 1)
        total = await repository.count(space_id, audience_id)
        page = make_page(
            found, request=request, position=position, key=lambda row: (row[0].id,), total=total
        )
        asked = await _asked(session, audience, snapshot, page.entries)
    counter = _Counter(platform)
    rows = [await counter.row(one) for one in asked]
    return Found(snapshot, Page(rows, page.current, page.next, page.previous, page.total))


async def destination_reach(
    platform: Platform,
    *,
    space_id: str,
    audience_id: str,
    more: Sequence[str],
    run_id: str | None,
    destination_id: str,
) -> Found:
    """Estimate the reach of the audience together with ``more`` at one account, connected or not.

    Raises NotFound if audience or account do not exist, Conflict if one audience was never computed, and Invalid if the
    account does not take audiences of the type.
    """
    async with platform.unit_of_work() as session:
        audience = await AudienceRepository(session).require(space_id, audience_id)
        snapshot = await _snapshot(session, audience, run_id)
        destination = await DestinationRepository(session).require(space_id, destination_id)
        definition = connector_class(destination.slug).definition
        if audience.audience_type not in definition.audience_types:
            raise Invalid(
                f'"destinationId": {definition.name} takes no {audience.audience_type} audiences',
                field="destinationId",
            )
        snapshots: dict[str, Snapshot | None] = {audience_id: snapshot}
        names = {audience_id: audience.name}
        for other in await _others(session, audience, more):
            names[other.id] = other.name
            snapshots[other.id] = await _snapshot(session, other, None)
        repository = ConnectionRepository(session)
        connection_id = await repository.id_of_destination(space_id, audience_id, destination_id)
        connection = None
        if connection_id is not None:
            connection = await repository.get(space_id, audience_id, connection_id)
    lacking = [one for one, found in snapshots.items() if found is None]
    if lacking:
        raise Conflict(f"The audience {names[lacking[0]]} has not been computed yet.")
    spec = _spec(definition, _as_if_new(definition, connection))
    asked = _Asked(destination, connection_id, None, snapshots, spec)
    row = await _Counter(platform).row(asked)
    return Found(snapshot, Page([row], current=PageRequest().position().encode(), total=1))


async def _snapshot(
    session: AsyncSession, audience: Audience, run_id: str | None
) -> Snapshot | None:
    """Return the snapshot of the run; without a run, the current snapshot. Raises Conflict if the run has none."""
    snapshot_id = audience.snapshot_id
    if run_id is not None:
        run = await get_run(session, audience.space_id, audience.id, run_id)
        snapshot_id = run.snapshot_id
        if snapshot_id is None:
            raise Conflict(f"The run is {run.state}: it has no snapshot.")
    if snapshot_id is None:
        return None
    return await get_snapshot(session, audience.space_id, audience.id, snapshot_id)


async def _others(
    session: AsyncSession, audience: Audience, ids: Sequence[str]
) -> Sequence[Audience]:
    ids = [other_id for other_id in dict.fromkeys(ids) if other_id != audience.id]
    if len(ids) > MOST_AUDIENCES:
        raise Invalid(
            f'"audienceIds": may name {MOST_AUDIENCES} audiences at most', field="audienceIds"
        )
    found = []
    for audience_id in ids:
        other = await AudienceRepository(session).get(audience.space_id, audience_id)
        if other is None or other.audience_type != audience.audience_type:
            raise Invalid(
                f'"audienceIds": {audience_id} is not an audience of this space and type',
                field="audienceIds",
            )
        found.append(other)
    return found


async def _asked(
    session: AsyncSession,
    audience: Audience,
    snapshot: Snapshot | None,
    connected: Sequence[tuple[DestinationConnection, Destination]],
) -> list[_Asked]:
    repository = ReachQueries(session)
    by_connection: dict[str, list[tuple[Activation, Mapping[str, Any]]]] = {}
    ids = [connection.id for connection, _ in connected]
    for activation, config in await repository.activations_on(audience.space_id, ids):
        by_connection.setdefault(activation.connection_id or "", []).append((activation, config))
    asked = []
    for connection, destination in connected:
        definition = connector_class(destination.slug).definition
        activations = by_connection.get(connection.id)
        if not activations:
            spec = _spec(definition, _as_if_new(definition, connection))
            own: dict[str, Snapshot | None] = {audience.id: snapshot}
            asked.append(_Asked(destination, connection.id, None, own, spec))
        for activation, config in activations or ():
            spec = _spec(definition, Revision.parse(config), activation.id)
            snapshots = await _sources(session, activation, snapshot)
            one = _Asked(destination, connection.id, activation, snapshots, spec)
            one.known = await _planned(repository, one)
            asked.append(one)
    return asked


async def _sources(
    session: AsyncSession, activation: Activation, own: Snapshot | None
) -> dict[str, Snapshot | None]:
    found: dict[str, Snapshot | None] = {}
    for source in await AudienceRepository(session).sources_of(activation.space_id, activation.id):
        if source.id == activation.audience_id:
            found[source.id] = own
        else:
            found[source.id] = await _snapshot(session, source, None)
    return found


async def _planned(repository: ReachQueries, asked: _Asked) -> Reach | None:
    """Return the count of a plan. A plan with several keys for a member, or several audiences, does not count members."""
    snapshots = [one for one in asked.snapshots.values() if one is not None]
    several_keys = any(entry.strategy == "all" for entry in asked.spec.fields)
    if asked.activation is None or several_keys or len(asked.snapshots) != 1 or not snapshots:
        return None
    ids = {one.audience_id: one.id for one in snapshots}
    planned = await repository.planned(asked.activation, ids)
    if planned is None:
        return None
    left_out = {
        reason: count
        for reason, count in planned.left_out.items()
        if reason != LeftOut.REFUSED_BEFORE
    }
    return Reach(snapshots[0].row_count, planned.wanted, left_out)


def _as_if_new(definition: Definition, connection: DestinationConnection | None) -> Revision:
    """Return the revision that a new activation would have."""
    if connection is None:
        chosen, given = default_id_sync(definition), False
    else:
        chosen, given = connection.id_sync, connection.id_sync_given
    return Revision.parse({"activationType": _ANY_TYPE, "idSync": chosen, "idSyncGiven": given})


def _spec(definition: Definition, revision: Revision, activation_id: str = "") -> PlanSpec:
    """Build a specification that only chooses keys: what is sent with them is not counted."""
    spec = build_plan_spec(
        definition,
        revision,
        kind="incremental",
        sync_number=0,
        activation_id=activation_id,
        max_rows=1,
        made_lists={},  # where a key is held does not change the count
    )
    seed = spec.split_seed if spec.arms else ""
    return replace(spec, traits=(), entities={}, sends=frozenset(), split_seed=seed)
