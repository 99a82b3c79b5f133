"""Drift: the difference between a partner's list and the holdings; repair of the holdings, and seeding from the list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Definition, ReadBack
from app.core.errors import Conflict
from app.core.threads import in_thread
from app.domain.normalise import Normaliser
from app.services.accounts import Account, connector_tools, open_account, translate_partner_errors
from app.services.holdings import holdings as service
from app.services.places import Neighbours, fetch_sharers, find_neighbours
from app.services.platform import (
    Platform,
    activation_folder,
    fetch_file,
    fetch_manifest,
    fresh_key,
    new_batch,
    store_file,
)
from app.services.revision import list_of
from app.snapshots.comparison import Drift, MembersFile, compare_with_partner, seed_from_list
from app.snapshots.engine import MEMBER, FoldStats, Manifest, PlanSpec, StoredFile
from app.storage.models import Activation, Destination
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.explanations import ExplanationQueries
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.spaces import SpaceRepository

OUTCOMES = 100  # newest syncs whose outcomes show what the service has sent


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is compared, as read when the comparison began."""

    activation: Activation
    account: Account
    targets: Mapping[str | None, str]  # a key's place -> the list where it is
    spec: PlanSpec
    outcomes: list[StoredFile]
    wanted: list[Manifest] | None  # None: an audience was never computed
    neighbours: Neighbours


async def check_drift(
    platform: Platform,
    *,
    space_id: str,
    audience_id: str,
    activation_id: str,
    repair: bool,
    actor: str,
    now: datetime,
) -> Drift:
    """Compare the partner's list with the holdings.

    ``repair`` changes the holdings so that the next sync sends what is missing and removes what is extra. Reads the
    partner with no transaction open, with at most 70 % of its rate budget: about 52,000 members a minute at Klaviyo.
    Raises Conflict if the destination cannot be read or, for a repair, if a sync is open; Unavailable if the partner
    does not respond.
    """
    async with platform.unit_of_work() as session:
        scene = await _scene(platform, session, space_id, audience_id, activation_id)
        if repair:
            await service.refuse_open_sync(session, scene.activation)
    out = platform.engine.scratch_file(".parquet")
    try:
        drift = await _compare(platform, scene, out if repair else None)
        if repair and drift.missing + drift.extra:
            key = fresh_key(f"{activation_folder(space_id, activation_id)}/holdings", "repair")
            file = await store_file(platform.objects, out, key, drift.missing + drift.extra)
            await _repair(platform, scene, file, drift, actor=actor, now=now)
    finally:
        out.unlink(missing_ok=True)
    return drift


async def _compare(platform: Platform, scene: _Scene, repair: Path | None) -> Drift:
    """Compare, and write the rows that repair the holdings into a file, if one is given."""
    holdings = Manifest.from_json(scene.activation.holdings)
    async with _listed(platform, scene) as path:
        return await platform.engine.run(
            compare_with_partner,
            path,
            _fields(scene.account.definition),
            scene.targets,
            await fetch_manifest(platform.objects, holdings),
            [await fetch_file(platform.objects, file) for file in scene.outcomes],
            repair,
            await fetch_sharers(platform, scene.neighbours),
        )


async def _repair(
    platform: Platform,
    scene: _Scene,
    file: StoredFile,
    drift: Drift,
    *,
    actor: str,
    now: datetime,
) -> None:
    async with platform.unit_of_work() as session:
        activation = await _unchanged(session, scene)
        before = Manifest.from_json(activation.holdings)
        # What is missing stays held (as maybe); what is extra is held again, until a sync has removed it.
        after = Manifest(before.base, (*before.deltas, file)) if before.base else Manifest((file,))
        activation.holdings = after.to_json()
        activation.held += drift.extra
        activation.updated_at = now
        await service.record_holdings(session, activation, "Activation Holdings Repaired", actor)


async def seed_from_partner(
    platform: Platform,
    *,
    space_id: str,
    audience_id: str,
    activation_id: str,
    actor: str,
    now: datetime,
) -> Activation:
    """Replace the holdings by the partner's members that are wanted or were sent by the service. Nothing is sent.

    Raises Conflict if the audience was never computed, if the destination cannot be read, or if a sync is open.
    """
    async with platform.unit_of_work() as session:
        scene = await _scene(platform, session, space_id, audience_id, activation_id)
        await service.refuse_open_sync(session, scene.activation)
    if scene.wanted is None:
        raise Conflict("The audience has not been computed yet, so nothing is wanted.")
    out = platform.engine.scratch_file(".parquet")
    try:
        stats = await _write_seed(platform, scene, scene.wanted, out)
        key = fresh_key(f"{activation_folder(space_id, activation_id)}/holdings", "seed")
        file = await store_file(platform.objects, out, key, stats.rows)
    finally:
        out.unlink(missing_ok=True)
    async with platform.unit_of_work() as session:
        activation = await _unchanged(session, scene)
        await service.replace_holdings(session, activation, file, stats, actor=actor, now=now)
    return activation


async def _write_seed(
    platform: Platform, scene: _Scene, wanted: Sequence[Manifest], out: Path
) -> FoldStats:
    holdings = Manifest.from_json(scene.activation.holdings)
    async with _listed(platform, scene) as path:
        return await platform.engine.run(
            seed_from_list,
            path,
            _fields(scene.account.definition),
            scene.targets,
            scene.spec,
            [await fetch_manifest(platform.objects, manifest) for manifest in wanted],
            await fetch_manifest(platform.objects, holdings),
            out,
        )


async def _scene(
    platform: Platform,
    session: AsyncSession,
    space_id: str,
    audience_id: str,
    activation_id: str,
) -> _Scene:
    activation = await ActivationRepository(session).require(space_id, audience_id, activation_id)
    revision = await RevisionRepository(session).get(space_id, activation.revision_id)
    destination = await DestinationRepository(session).get(space_id, activation.destination_id)
    assert revision is not None and destination is not None  # noqa: S101, PT018  foreign keys
    account = await _readable(platform, session, destination)
    spec = await service.baseline_spec(session, activation)
    made = await ConnectionRepository(session).made_lists(activation)
    found = {place: list_of(made, activation_id, place) for place in spec.places}
    targets = {place: target for place, target in found.items() if target is not None}
    if not targets:
        raise Conflict("No list is named, and none was created yet; the first sync creates it.")
    syncs = await ExplanationQueries(session).settled_syncs(space_id, activation_id, OUTCOMES)
    return _Scene(
        activation=activation,
        account=account,
        targets=targets,
        spec=spec,
        outcomes=[StoredFile(**sync.outcome) for sync in syncs if sync.outcome],
        wanted=await _wanted(session, activation),
        neighbours=await find_neighbours(session, space_id, activation_id),
    )


async def _readable(platform: Platform, session: AsyncSession, destination: Destination) -> Account:
    workspace_id = await SpaceRepository(session).workspace_of(destination.space_id)
    account = open_account(platform.keyring, workspace_id, destination)
    if not hasattr(account.connector_class, "members"):
        raise Conflict(f"{account.definition.name} cannot be asked for its members.")
    return account


async def _wanted(session: AsyncSession, activation: Activation) -> list[Manifest] | None:
    manifests = []
    for audience in await AudienceRepository(session).sources_of(
        activation.space_id, activation.id
    ):
        if audience.snapshot_id is None:
            return None
        snapshot = await SnapshotRepository(session).get(activation.space_id, audience.snapshot_id)
        assert snapshot is not None  # noqa: S101  a current snapshot is never deleted
        manifests.append(Manifest.from_json(snapshot.manifest))
    return manifests


def _fields(definition: Definition) -> dict[str, Normaliser]:
    """Return ``{identity field: normaliser}`` of the fields by which a partner lists its members."""
    if definition.key == "member":
        return {MEMBER: "text"}
    return {field.name: field.normaliser for field in definition.identity_fields}


@asynccontextmanager
async def _listed(platform: Platform, scene: _Scene) -> AsyncIterator[Path]:
    """Write the members of the partner's lists into a scratch file, and yield its path."""
    account = scene.account
    tools = connector_tools(
        platform,
        scene.activation.destination_id,
        account.definition,
        account.secrets,
        resync=True,
    )
    connector = account.connector_class(account.settings, tools)
    assert isinstance(connector, ReadBack)  # noqa: S101  checked by _readable
    path = platform.engine.scratch_file(".parquet")
    file = MembersFile(path, list(_fields(account.definition)))
    new_batch()  # so that calls after the first wait for the rate budget
    try:
        try:
            with translate_partner_errors(account.definition):
                for target in dict.fromkeys(scene.targets.values()):
                    async for page in connector.members(target):
                        await in_thread(file.add, page, target)
        finally:
            await in_thread(file.close)
        yield path
    finally:
        path.unlink(missing_ok=True)


async def _unchanged(session: AsyncSession, scene: _Scene) -> Activation:
    """Lock the activation. Raises Conflict if it changed after it was compared."""
    seen = scene.activation
    activation = await ActivationRepository(session).get_any(seen.space_id, seen.id, lock="update")
    if activation is None or activation.deleted_at is not None:
        raise Conflict("The activation was removed during the request.")
    await service.refuse_open_sync(session, activation)
    if (activation.holdings, activation.revision_id) != (seen.holdings, seen.revision_id):
        raise Conflict("The activation was changed during the request; try again.")
    return activation
