"""Test sends: one profile that is sent now, even if a sync would not send it.

A test send is a sync of kind ``test`` whose plan contains one member. Its batch is delivered, retried and settled like
any other, so the holdings include what it sent, and the next sync removes a profile that should not be there.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors import registry
from app.connectors.errors import TransientFailure
from app.core.errors import Conflict, Invalid, NotFound, Unavailable
from app.domain.changes import ChangeKind
from app.domain.left_out import SENTENCES, LeftOut
from app.domain.sync_states import SyncState
from app.services.accounts import Account, open_account, translate_partner_errors
from app.services.holdings import record_holdings, refuse_open_sync
from app.services.places import refresh_places
from app.services.planning import test_send_notes
from app.services.planning.batches import batches_of, places_of
from app.services.planning.made_lists import ensure_lists
from app.services.planning.test_send_plan import (
    Sample,
    TestPlan,
    plan_test,
    without_exclusions,
)
from app.services.planning.unsent import shown_unsent
from app.services.platform import (
    Platform,
    activation_folder,
    fetch_manifest,
    fresh_key,
    store_file,
    wake_deliver,
)
from app.services.revision import (
    AUDIENCE_NAME,
    PLACES,
    Revision,
    build_plan_spec,
    constants,
    spec_to_json,
)
from app.services.syncs import create_sync, is_at_work, pin_snapshots, set_state
from app.snapshots.engine import (
    Cut,
    Manifest,
    PlannedChange,
    PlanSpec,
    StoredFile,
)
from app.storage.models import Activation, Audience, Destination, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import LONGEST_PAUSE, DestinationRepository
from app.storage.repositories.places import PlaceRepository
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.spaces import SpaceRepository
from app.storage.repositories.syncs import SyncRepository

KIND = "test"  # of the sync
PATIENCE = 20.0  # seconds that a request waits for the end of a test send
LOOK = 0.1  # seconds between two looks at the sync


class Unsettled(Unavailable):
    """A call without a response may have created a list at the partner; a repeat could create another."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a test send is planned from, as read when it was requested."""

    activation: Activation
    revision_id: str
    revision: Revision
    account: Account
    audiences: Sequence[Audience]
    wanted: Sequence[Manifest]
    made_lists: Mapping[str, str]


async def send_test(
    platform: Platform,
    *,
    space_id: str,
    audience_id: str,
    activation_id: str,
    who: str | Sample,
    kind: ChangeKind,
    actor: str,
) -> tuple[Sync, test_send_notes.TestSendOutcome]:
    """Send a member, or a sample, as one kind of change, and wait up to 20 seconds for the end. Returns sync and result.

    Raises NotFound if no member has that id, Conflict if a sync is open, if the destination takes whole files only, or
    if the profile has no identifier that the destination uses, Invalid for a sample that cannot be read, and Unsettled
    if a list may have been created whose id is unknown.
    """
    async with platform.unit_of_work() as session:
        activation = await ActivationRepository(session).require(
            space_id, audience_id, activation_id
        )
        scene = await _scene(platform, session, activation)
    _refuse_misfit(scene.audiences[0], who)
    folder = platform.engine.scratch_file(".test")
    folder.mkdir()
    try:
        local = [await fetch_manifest(platform.objects, one) for one in scene.wanted]
        held = await fetch_manifest(platform.objects, Manifest.from_json(scene.activation.holdings))
        spec = _spec(scene)
        planned = _require_change(
            scene,
            await platform.engine.run(
                plan_test,
                spec,
                without_exclusions(spec),
                local,
                held,
                who,
                kind,
                folder,
                lane="small",
            ),
            who,
        )
        await _ensure_lists(platform, scene, planned.stats.cuts)
        key = fresh_key(f"{activation_folder(space_id, activation_id)}/tests", "plan")
        file = await store_file(
            platform.objects, folder / "plan.parquet", key, len(planned.changes)
        )
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    async with platform.unit_of_work() as session:
        sync = await _open(
            session, scene, without_exclusions(spec), planned, file, who, kind, actor
        )
    return await _ended(platform, sync)


async def _ensure_lists(platform: Platform, scene: _Scene, cuts: Sequence[Cut]) -> None:
    try:
        with translate_partner_errors(scene.account.definition):
            await ensure_lists(platform, scene.activation, scene.account, scene.revision, cuts)
    except Unavailable as error:
        if isinstance(error.__cause__, TransientFailure) and error.__cause__.ambiguous:
            raise Unsettled(error.message) from error
        raise


# The plan


def _spec(scene: _Scene) -> PlanSpec:
    """Build the specification that a resync would have, with the number after the last sync's."""
    definition, revision = scene.account.definition, scene.revision
    return build_plan_spec(
        definition,
        revision,
        kind="resync",
        sync_number=scene.activation.sync_number + 1,
        activation_id=scene.activation.id,
        max_rows=registry.rows_per_call(
            scene.account.connector_class,
            scene.account.settings,
            revision.connection_settings,
            constants(definition, revision),
        ),
        made_lists=scene.made_lists,
        retry_refused=True,
    )


# The sync


async def _scene(platform: Platform, session: AsyncSession, activation: Activation) -> _Scene:
    space_id = activation.space_id
    stored = await RevisionRepository(session).get(space_id, activation.revision_id)
    destination = await DestinationRepository(session).get(space_id, activation.destination_id)
    assert stored is not None and destination is not None  # noqa: S101, PT018  foreign keys
    account = open_account(
        platform.keyring, await SpaceRepository(session).workspace_of(space_id), destination
    )
    if account.definition.whole_plan:
        raise Conflict(
            f"{account.definition.name} takes whole files: a dry run shows what a file would contain."
        )
    await _refuse_now(platform, session, activation, destination)
    audiences = await AudienceRepository(session).sources_of(space_id, activation.id)
    wanted = []
    for audience in audiences:
        if audience.snapshot_id is None:
            raise Conflict(f"The audience {audience.key!r} has not been computed yet.")
        snapshot = await SnapshotRepository(session).get(space_id, audience.snapshot_id)
        assert snapshot is not None  # noqa: S101  a current snapshot is never deleted
        wanted.append(Manifest.from_json(snapshot.manifest))
    made = await ConnectionRepository(session).made_lists(activation)
    return _Scene(
        activation, stored.id, Revision.parse(stored.config), account, audiences, wanted, made
    )


async def _refuse_now(
    platform: Platform, session: AsyncSession, activation: Activation, destination: Destination
) -> None:
    """Raise Conflict while a sync is open, an earlier call may still be applied, or the account is paused."""
    await refuse_open_sync(session, activation)
    now = await RunRepository(session).database_now()
    settled_at = await _settled_at(platform, session, activation)
    if settled_at is not None:
        seconds = max(1, round((settled_at - now).total_seconds()))
        raise Conflict(
            f"An earlier request had no definite response and may still be applied; try again in {seconds} s."
        )
    if _is_paused(destination, now):
        reason = (destination.breaker or {}).get("reason", "")
        raise Conflict(
            f"The account is paused because its calls failed ({reason}); try again later, or check the "
            "destination successfully."
        )


async def _settled_at(
    platform: Platform, session: AsyncSession, activation: Activation
) -> datetime | None:
    """Return when the settle time ends: of the activation's own calls, and of others' exits at its places (R11)."""
    of_one = activation.space_id, activation.id, platform.settings.settle_time
    workspace_id = await SpaceRepository(session).workspace_of(activation.space_id)
    await refresh_places(
        session, platform.keyring, workspace_id, activation.space_id, activation.destination_id
    )
    own = await SyncRepository(session).settled_at(*of_one)
    of_others = await PlaceRepository(session).late_exits_until(*of_one)
    return max((moment for moment in (own, of_others) if moment is not None), default=None)


def _is_paused(destination: Destination, now: datetime) -> bool:
    """Whether the breaker closes automatically after a pause. One that waits for a user is tried by the next call."""
    until = destination.open_until
    return until is not None and timedelta(0) < until - now < LONGEST_PAUSE


def _refuse_misfit(audience: Audience, who: str | Sample) -> None:
    if isinstance(who, Sample) and (who.entity_id is not None) != (
        audience.audience_type == "LINKED"
    ):
        words = "is needed for" if who.entity_id is None else "is only for"
        raise Invalid(
            f'"profile.entityId": {words} a member of a linked audience', field="profile.entityId"
        )


def _require_change(scene: _Scene, planned: TestPlan | None, who: str | Sample) -> TestPlan:
    """Return the plan. Raises NotFound, Invalid or Conflict if it has no member or no change."""
    if planned is None:
        raise NotFound(
            "no member of the audience has that id; send a sample as `profile` instead of `profileId`"
        )
    if not planned.changes:
        names = ", ".join(field.external_id for field in _spec(scene).fields)
        name = scene.account.definition.name
        message = f"The profile has none of the identifiers by which {name} knows it: {names}."
        if LeftOut.PHONE_WITHOUT_COUNTRY in planned.left_out:
            message += f" {SENTENCES[LeftOut.PHONE_WITHOUT_COUNTRY]}"
        if isinstance(who, Sample):
            raise Invalid(message, field="profile.identifiers")
        raise Conflict(message)
    return planned


async def _open(
    session: AsyncSession,
    scene: _Scene,
    spec: PlanSpec,
    planned: TestPlan,
    file: StoredFile,
    who: str | Sample,
    kind: ChangeKind,
    actor: str,
) -> Sync:
    seen = scene.activation
    activation = await ActivationRepository(session).require(
        seen.space_id, seen.audience_id, seen.id, lock="update"
    )
    await refuse_open_sync(session, activation)
    if _version(activation) != _version(seen):
        raise Conflict("The activation was changed during the request; try again.")
    sync = await create_sync(session, activation, kind=KIND, trigger="api", actor=actor)
    set_state(sync, SyncState.PENDING)
    _set_plan(sync, activation, scene, spec, planned, file)
    sync.planned_at = await RunRepository(session).database_now()
    sync.report = _report(activation, scene, planned, who, kind)
    await pin_snapshots(session, sync)
    session.add_all(batches_of(sync, planned.stats.cuts))
    await session.flush()
    wake_deliver(session, sync)
    await record_holdings(session, activation, "Activation Test Sent", actor)
    return sync


def _version(activation: Activation) -> tuple[Any, ...]:
    return activation.revision_id, activation.sync_number, activation.holdings


def _set_plan(
    sync: Sync,
    activation: Activation,
    scene: _Scene,
    spec: PlanSpec,
    planned: TestPlan,
    file: StoredFile,
) -> None:
    stats = planned.stats
    sync.revision_id = scene.revision_id
    sync.plan = file.to_json()
    sync.spec = {
        **spec_to_json(spec),
        AUDIENCE_NAME: scene.audiences[0].name,
        PLACES: places_of(stats.cuts),
    }
    sync.wanted, sync.held = stats.wanted, activation.held
    sync.entered, sync.exited, sync.updated = stats.entered, stats.exited, stats.updated
    sync.batches = len(stats.cuts)


def _report(
    activation: Activation,
    scene: _Scene,
    planned: TestPlan,
    who: str | Sample,
    kind: ChangeKind,
) -> dict[str, Any]:
    return {
        "profileId": who if isinstance(who, str) else who.profile_id,
        "change": kind.value,
        "member": planned.is_member,
        "leftOut": list(planned.left_out),
        "notes": test_send_notes.test_send_notes(
            kind,
            is_member=planned.is_member,
            left_out=planned.left_out,
            revision=scene.revision,
            at_work=is_at_work(activation),
        ),
        "keys": [_key(change) for change in planned.changes],
        "notSent": [shown_unsent(one) for one in planned.unsent],
        "requests": [],
    }


def _key(change: PlannedChange) -> dict[str, Any]:
    return {
        "keyType": change.key_type,
        "key": change.key,
        "identifiers": dict(change.identity),
        "traits": dict(change.traits),
    }


# The result


async def _ended(platform: Platform, sync: Sync) -> tuple[Sync, test_send_notes.TestSendOutcome]:
    """Wait for the end of the sync, at most ``PATIENCE`` seconds."""
    clock = asyncio.get_running_loop()
    deadline = clock.time() + PATIENCE
    while True:
        async with platform.unit_of_work() as session:
            repository = SyncRepository(session)
            found = await repository.get(sync.space_id, sync.id)
            assert found is not None  # noqa: S101  syncs are kept
            if found.finished_at is not None or clock.time() > deadline:
                return found, await test_send_notes.test_send_outcome(session, found)
        await asyncio.sleep(LOOK)
