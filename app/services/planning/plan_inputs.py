"""What a plan is computed from: pinned snapshots, holdings, revision and account of a claimed sync."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors import registry
from app.core.errors import Conflict
from app.services.accounts import Account, open_account
from app.services.places import Neighbours, find_neighbours, refresh_places, shares_places
from app.services.platform import Platform, wake_plan
from app.services.revision import KEY_RULES, Revision, build_plan_spec, constants, lacks_list
from app.services.syncs import known_counts, pin_snapshots, pinned_snapshots, retry_gone
from app.snapshots.engine import Manifest, PlanSpec, StoredFile
from app.storage.models import Activation, ActivationRevision, Snapshot, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.places import PlaceRepository
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.spaces import SpaceRepository
from app.storage.repositories.syncs import SyncRepository


@dataclass(frozen=True, slots=True)
class RetriedOutcome:
    """The outcome of a sync, and the reason whose rejected changes are sent again."""

    number: int
    file: StoredFile
    reason: str


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """A claimed sync, with everything that its plan is computed from."""

    sync: Sync
    activation: Activation
    revision_id: str
    revision: Revision
    account: Account
    wanted: tuple[Manifest, ...]
    members: int | None  # of the only source; None: there are several
    holdings: Manifest
    counts: (
        tuple[int, int] | None
    )  # keys of the holdings that are held, and assumed; None: not known
    first_plan: bool
    spec: PlanSpec
    audience_name: str
    known_rules: frozenset[str]  # by which the keys in the holdings were decided
    made_lists: Mapping[str, str]  # of the connection, by ``placement.list_key``
    retried: tuple[RetriedOutcome, ...] = ()
    neighbours: Neighbours = field(default_factory=Neighbours)

    @property
    def rows(self) -> int:
        """Return how many rows the plan reads: the larger the sides, the longer it takes."""
        others = self.neighbours.others.values()
        return sum(manifest.rows for manifest in (self.holdings, *self.wanted, *others))

    def lacks_list(self, place: str | None) -> bool:
        """Return whether a place is a list that is still to be created at the partner."""
        definition, activation_id = self.account.definition, self.activation.id
        return lacks_list(definition, self.revision, self.made_lists, activation_id, place)


async def gather_inputs(platform: Platform, session: AsyncSession, sync: Sync) -> PlanInputs | None:
    """Pin and read what the plan is computed from. Returns None during the settle time (R11)."""
    settled_at = await SyncRepository(session).settled_at(
        sync.space_id, sync.activation_id, platform.settings.settle_time
    )
    if settled_at is not None and sync.kind != "dry_run":
        await _wait_until(session, sync, settled_at)
        return None
    activation = await ActivationRepository(session).get_any(sync.space_id, sync.activation_id)
    assert activation is not None  # noqa: S101  a foreign key
    stored = await RevisionRepository(session).get(sync.space_id, activation.revision_id)
    audience = await AudienceRepository(session).get(sync.space_id, activation.audience_id)
    assert stored is not None and audience is not None  # noqa: S101, PT018  foreign keys
    revision = Revision.parse(stored.config)
    snapshots = await _snapshots(session, sync, activation, revision)
    account = await _account(platform, session, sync)
    made_lists = await ConnectionRepository(session).made_lists(activation)
    return PlanInputs(
        sync=sync,
        activation=activation,
        revision_id=stored.id,
        revision=revision,
        account=account,
        wanted=tuple(Manifest.from_json(snapshot.manifest) for snapshot in snapshots),
        members=snapshots[0].row_count if len(snapshots) == 1 else None,
        holdings=Manifest.from_json(activation.holdings),
        counts=known_counts(activation),
        first_plan=await _is_first(session, activation),
        spec=await _spec(session, sync, activation, stored, account, made_lists),
        audience_name=audience.name,
        known_rules=await _known_rules(session, sync),
        made_lists=made_lists,
        retried=await _retried(session, sync),
    )


async def _retried(session: AsyncSession, sync: Sync) -> tuple[RetriedOutcome, ...]:
    """Return what is sent again, nothing if everything is. Raises Conflict if an outcome is no longer kept."""
    found = []
    for one in () if sync.retry_refused else sync.retried or ():
        former = await SyncRepository(session).get(sync.space_id, one["sync"])
        if former is None or former.outcome is None:
            raise Conflict(retry_gone(former.number if former else None))
        found.append(
            RetriedOutcome(former.number, StoredFile(**former.outcome), str(one["reason"]))
        )
    return tuple(found)


async def with_neighbours(platform: Platform, inputs: PlanInputs) -> PlanInputs | None:
    """Add the other activations at the places of an activation, if the partner has places that can be shared.

    Returns None while an exit of one of them, whose result is unknown, may still be applied (R11): it could undo an entry.
    """
    if not shares_places(inputs.account.connector_class):
        return inputs
    sync = inputs.sync
    async with platform.unit_of_work() as session:
        workspace_id = await SpaceRepository(session).workspace_of(sync.space_id)
        await refresh_places(
            session, platform.keyring, workspace_id, sync.space_id, sync.destination_id
        )
        found = await find_neighbours(session, sync.space_id, sync.activation_id)
        settled_at = await PlaceRepository(session).late_exits_until(
            sync.space_id, sync.activation_id, platform.settings.settle_time
        )
        if settled_at is not None and sync.kind != "dry_run":
            await _wait_until(session, sync, settled_at)
            return None
    return replace(inputs, neighbours=found)


async def _wait_until(session: AsyncSession, sync: Sync, settled_at: datetime) -> None:
    """Release the sync until the end of the settle time. Waiting does not count as an attempt."""
    await SyncRepository(session).release(
        sync.space_id, sync.id, sync.lease_token, until=settled_at, attempts=sync.attempts - 1
    )
    wait = settled_at - await RunRepository(session).database_now()
    wake_plan(session, sync, delay=max(wait, timedelta(0)))


async def _account(platform: Platform, session: AsyncSession, sync: Sync) -> Account:
    destination = await DestinationRepository(session).get(sync.space_id, sync.destination_id)
    assert destination is not None  # noqa: S101  a foreign key
    workspace_id = await SpaceRepository(session).workspace_of(sync.space_id)
    return open_account(platform.keyring, workspace_id, destination)


async def _snapshots(
    session: AsyncSession, sync: Sync, activation: Activation, revision: Revision
) -> Sequence[Snapshot]:
    await pin_snapshots(session, sync)
    return await pinned_snapshots(session, sync, activation, revision)


async def _known_rules(session: AsyncSession, sync: Sync) -> frozenset[str]:
    """Return the rules of the last complete sync, none if an earlier version of the service planned it."""
    last = await SyncRepository(session).last_complete(sync.space_id, sync.activation_id)
    return frozenset(((last.spec if last else None) or {}).get(KEY_RULES) or ())


async def _is_first(session: AsyncSession, activation: Activation) -> bool:
    """Whether no sync was planned before. A test send may have left holdings before the first plan."""
    last = await SyncRepository(session).last_planned(activation.space_id, activation.id)
    return activation.holdings is None or last is None


async def _spec(
    session: AsyncSession,
    sync: Sync,
    activation: Activation,
    stored: ActivationRevision,
    account: Account,
    made_lists: Mapping[str, str],
) -> PlanSpec:
    definition, revision = account.definition, Revision.parse(stored.config)
    # Changes refused under another revision are sent once more; that is done when a sync under this one has ended.
    is_new = not await SyncRepository(session).is_delivered(
        sync.space_id, sync.activation_id, stored.id
    )
    return build_plan_spec(
        definition,
        revision,
        # The trigger of a dry run is the kind of the sync that it predicts.
        kind=sync.trigger if sync.kind == "dry_run" else sync.kind,
        sync_number=sync.number,
        activation_id=sync.activation_id,
        max_rows=registry.rows_per_call(
            account.connector_class,
            account.settings,
            revision.connection_settings,
            constants(definition, revision),
        ),
        made_lists=made_lists,
        retry_refused=sync.retry_refused or is_new,
    )
