"""Drift: what a partner's list holds against what we think it holds; repair of what is ours, and seeding from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Definition, ReadBack
from app.core.errors import Conflict
from app.domain.normalise import Normaliser
from app.services.accounts import Account, connector_tools, open_account, translate_partner_errors
from app.services.holdings import holdings as service
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
from app.snapshots.engine import MEMBER, Manifest, PlanSpec, StoredFile
from app.storage.models import Activation, Destination
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.explanations import ExplanationQueries
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.spaces import SpaceRepository

OUTCOMES = 100  # syncs that are asked for what was ours


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is compared, as it stood when the comparison began."""

    activation: Activation
    account: Account
    targets: Mapping[str | None, str]  # a key's place -> the list where it is
    spec: PlanSpec
    outcomes: list[StoredFile]
    wanted: list[Manifest] | None  # None: an audience was never computed


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
    """Compare; ``repair`` changes the holdings so that the next sync sends what is missing and takes out what is extra.

    Reads the partner with no transaction open, about a minute for 75,000 members at Klaviyo. Conflict where the
    destination cannot be read back or, for a repair, while a sync is open; Unavailable where the partner does not answer.
    """
    async with platform.unit_of_work() as session:
        scene = await _scene(platform, session, space_id, audience_id, activation_id)
        if repair:
            await service.refuse_open_sync(session, scene.activation)
    before = Manifest.from_json(scene.activation.holdings)
    out = platform.engine.scratch_file(".parquet")
    try:
        async with _listed(platform, scene) as path:
            drift = await platform.engine.run(
                compare_with_partner,
                path,
                _fields(scene.account.definition),
                scene.targets,
                await fetch_manifest(platform.objects, before),
                [await fetch_file(platform.objects, file) for file in scene.outcomes],
                out if repair else None,
            )
        if repair and drift.missing + drift.extra:
            key = fresh_key(f"{activation_folder(space_id, activation_id)}/holdings", "repair")
            file = await store_file(platform.objects, out, key, drift.missing + drift.extra)
            await _repair(platform, scene, file, drift, actor=actor, now=now)
    finally:
        out.unlink(missing_ok=True)
    return drift


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
        # What is missing stays held (as maybe); what is extra is held again, until it has been taken out.
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
    """Take what is at the partner, and is wanted or was ours, as held. Nothing is sent. Conflict as for a repair."""
    async with platform.unit_of_work() as session:
        scene = await _scene(platform, session, space_id, audience_id, activation_id)
        await service.refuse_open_sync(session, scene.activation)
    if scene.wanted is None:
        raise Conflict("The audience has not been computed yet, so nothing is wanted.")
    before = Manifest.from_json(scene.activation.holdings)
    out = platform.engine.scratch_file(".parquet")
    try:
        async with _listed(platform, scene) as path:
            stats = await platform.engine.run(
                seed_from_list,
                path,
                _fields(scene.account.definition),
                scene.targets,
                scene.spec,
                [await fetch_manifest(platform.objects, one) for one in scene.wanted],
                await fetch_manifest(platform.objects, before),
                out,
            )
        key = fresh_key(f"{activation_folder(space_id, activation_id)}/holdings", "seed")
        file = await store_file(platform.objects, out, key, stats.rows)
    finally:
        out.unlink(missing_ok=True)
    async with platform.unit_of_work() as session:
        activation = await _unchanged(session, scene)
        activation.holdings = Manifest(base=(file,)).to_json()
        activation.held, activation.assumed = stats.held, stats.assumed
        activation.baseline_wanted = False
        activation.updated_at = now
        await service.record_holdings(session, activation, "Activation Holdings Seeded", actor)
    return activation


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
    assert revision is not None and destination is not None  # noqa: S101, PT018  foreign keys say so
    account = await _readable(platform, session, destination)
    spec = await service.baseline_spec(session, activation)
    made = await ConnectionRepository(session).made_lists(activation)
    found = {place: list_of(made, activation_id, place) for place in spec.places}
    targets = {place: target for place, target in found.items() if target is not None}
    if not targets:
        raise Conflict("No list is named, and none was made yet; it is made by the first sync.")
    syncs = await ExplanationQueries(session).settled_syncs(space_id, activation_id, OUTCOMES)
    return _Scene(
        activation=activation,
        account=account,
        targets=targets,
        spec=spec,
        outcomes=[StoredFile(**sync.outcome) for sync in syncs if sync.outcome],
        wanted=await _wanted(session, activation),
    )


async def _readable(platform: Platform, session: AsyncSession, destination: Destination) -> Account:
    workspace_id = await SpaceRepository(session).workspace_of(destination.space_id)
    account = open_account(platform.keyring, workspace_id, destination)
    if not hasattr(account.connector_class, "members"):
        raise Conflict(f"{account.definition.name} does not tell what it holds.")
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
    """The identity fields in which a partner tells its members, and how their values become keys."""
    if definition.key == "member":
        return {MEMBER: "text"}
    return {field.name: field.normaliser for field in definition.identity_fields}


@asynccontextmanager
async def _listed(platform: Platform, scene: _Scene) -> AsyncIterator[Path]:
    """The members of the partner's lists in a scratch file."""
    account = scene.account
    tools = connector_tools(
        platform,
        scene.activation.destination_id,
        account.definition,
        account.secrets,
        resync=True,
    )
    connector = account.connector_class(account.settings, tools)
    assert isinstance(connector, ReadBack)  # noqa: S101  the caller has looked
    path = platform.engine.scratch_file(".parquet")
    file = MembersFile(path, list(_fields(account.definition)))
    new_batch()  # after the first call the others wait for the budget
    try:
        try:
            with translate_partner_errors(account.definition):
                for target in dict.fromkeys(scene.targets.values()):
                    async for page in connector.members(target):
                        await asyncio.to_thread(file.add, page, target)
        finally:
            await asyncio.to_thread(file.close)
        yield path
    finally:
        path.unlink(missing_ok=True)


async def _unchanged(session: AsyncSession, scene: _Scene) -> Activation:
    """The activation, locked; Conflict where it is no longer what was compared."""
    seen = scene.activation
    activation = await ActivationRepository(session).get_any(seen.space_id, seen.id, lock="update")
    if activation is None or activation.deleted_at is not None:
        raise Conflict("The activation was removed meanwhile.")
    await service.refuse_open_sync(session, activation)
    if (activation.holdings, activation.revision_id) != (seen.holdings, seen.revision_id):
        raise Conflict("The activation was changed meanwhile; try again.")
    return activation
