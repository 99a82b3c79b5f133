"""What a worker keeps in hand for the syncs that it delivers: plan, renderer and connector, read once for a sync."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import (
    AudienceRef,
    Call,
    Connector,
    Delivery,
    Refusal,
)
from app.domain.changes import ChangeKind
from app.domain.places import Place, place_of
from app.services.accounts import Account, connector_tools, open_account
from app.services.delivery.plan_reader import WINDOW_ROWS, PlanReader
from app.services.delivery.render import EventFrame, PlainDeliveries, Renderer
from app.services.platform import Platform, fetch_manifest
from app.services.revision import (
    AUDIENCE_NAME,
    PLACES,
    Revision,
    action_of,
    constants,
    list_key,
    list_of,
    spec_from_json,
    target_of,
    trait_types_of,
    uses_list,
)
from app.services.syncs import pinned_snapshots
from app.snapshots.engine import (
    LocalManifest,
    Manifest,
    PlannedChange,
    PlanSpec,
    StoredFile,
    key_position,
)
from app.snapshots.plans import read_wanted
from app.storage.models import Activation, Audience, Batch, Sync
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository

KEPT_SYNCS = 32
MEMBER_CHUNK = 5_000


@dataclass(slots=True)
class LoadedSync:
    """All that is needed to send the batches of one sync; the rows are as they were when it was loaded."""

    platform: Platform
    sync: Sync
    activation: Activation
    audience: Audience
    account: Account
    connector: Connector
    spec: PlanSpec
    revision: Revision
    made_lists: Mapping[str, str]  # of the connection, as ``placing.list_key`` names them
    renderer: Renderer
    reader: PlanReader | None
    wanted: Sequence[Manifest]
    trait_types: Mapping[str, str]
    audience_name: str  # as it was when the sync was planned

    def call(self, batch: Batch, attempted_at: datetime) -> Call:
        """The batch in the connector's words."""
        sync, audience = self.sync, self.audience
        assert sync.planned_at is not None  # noqa: S101  only planned syncs have batches
        definition = self.account.definition
        action = action_of(definition, self.revision)
        place = place_of(self._place_of(batch))
        fixed, settings = self._settings_at(place)
        return Call(
            idempotency_key=f"{sync.id}-{batch.number}-{batch.first_row}-{batch.row_count}",
            space_id=sync.space_id,
            audience=AudienceRef(audience.id, audience.key, self.audience_name),
            activation_id=self.activation.id,
            connection_id=self.activation.connection_id or "",
            sync_id=sync.id,
            seq=sync.number,
            number=batch.number,
            count=sync.batches,
            kind=ChangeKind(batch.kind) if batch.kind else None,
            resync=sync.kind == "resync",
            planned_at=sync.planned_at,
            attempted_at=attempted_at,
            rows=batch.row_count,
            action_id=action.id if action else None,
            target=target_of(self.made_lists, self.activation.id, place),
            arm=place.arm,
            connection_settings=settings,
            constants=fixed,
            trait_types=self.trait_types,
        )

    def _place_of(self, batch: Batch) -> str | None:
        """Where a batch writes: all its rows are of one place."""
        runs: Sequence[tuple[int, str | None]] = (self.sync.spec or {}).get(PLACES) or ()
        number = bisect_right(runs, batch.first_row, key=lambda run: run[0])
        return runs[number - 1][1] if number else None

    def leaves_an_old_place(self, batch: Batch) -> bool:
        """Whether its members leave a list that the revision no longer names: if that is gone, they have left it."""
        return batch.kind == ChangeKind.EXITED and self._place_of(batch) not in self.spec.places

    def lacks_a_list(self, batch: Batch) -> bool:
        """Whether the list that it writes to has still to be made."""
        definition, place = self.account.definition, place_of(self._place_of(batch))
        if definition.arm_places != "lists" or not uses_list(definition, self.revision):
            return False
        made = list_key(self.activation.id, place) in self.made_lists
        return not place.settings and not made

    def _settings_at(self, place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
        """Constants and connection settings for a place, which may be one that the revision no longer names."""
        definition = self.account.definition
        names = {name for group in definition.place_keys for name in group}
        fixed, settings = (
            {name: value for name, value in given.items() if name not in names}
            for given in (
                constants(definition, self.revision),
                self.revision.connection_settings,
            )
        )
        return {**fixed, **place.settings}, {**settings, **place.settings}

    def connector_with(self, client: httpx.AsyncClient) -> Connector:
        """The same connector on another client."""
        tools = replace(
            connector_tools(self.platform, "", self.account.definition, ()), http=client
        )
        return self.account.connector_class(self.account.settings, tools)

    async def deliveries(self, batch: Batch) -> Rendered:
        """The batch's changes, rendered; those that cannot be are refusals by their index."""
        assert self.reader is not None  # noqa: S101  a batch has rows, so there is a plan
        rows = await self.reader.rows(batch.first_row, batch.row_count)
        if self.renderer.is_plain:
            return Rendered(PlainDeliveries(rows, self.renderer), None, {})
        return self.render(rows)

    def render(self, changes: Sequence[PlannedChange]) -> Rendered:
        """Deliveries and refusals of some changes."""
        deliveries: list[Delivery] = []
        indexes: list[int] = []
        refused: dict[int, Refusal] = {}
        for index, change in enumerate(changes):
            result = self.renderer.render(change)
            if isinstance(result, Refusal):
                refused[index] = result
            else:
                deliveries.append(result)
                indexes.append(index)
        return Rendered(deliveries, indexes if refused else None, refused)

    async def whole_plan(
        self, batch: Batch, refused: dict[int, Refusal]
    ) -> AsyncIterator[Sequence[Delivery]]:
        """All changes of the plan in chunks, for destinations that take it as one.

        What cannot be rendered is left out and put into ``refused``, by its index in the batch.
        """
        for first in range(batch.first_row, batch.first_row + batch.row_count, WINDOW_ROWS):
            count = min(WINDOW_ROWS, batch.first_row + batch.row_count - first)
            assert self.reader is not None  # noqa: S101  as above
            rendered = self.render(await self.reader.rows(first, count))
            for index, refusal in rendered.refused.items():
                refused[first - batch.first_row + index] = refusal
            yield rendered.deliveries

    async def members(self) -> AsyncIterator[Sequence[Delivery]]:
        """The whole wanted membership in chunks, as changes that enter."""
        wanted: list[LocalManifest] = [
            await fetch_manifest(self.platform.objects, manifest) for manifest in self.wanted
        ]
        after: str | None = None
        while True:
            page = await self.platform.engine.run(
                read_wanted, self.spec, wanted, after, MEMBER_CHUNK, lane="small"
            )
            if not page:
                return
            yield self.render(page).deliveries
            after = key_position(page[-1])


@dataclass(frozen=True, slots=True)
class Rendered:
    """What of a batch goes to the connector, at which index of the batch (None: all of it, in order), and what cannot."""

    deliveries: Sequence[Delivery]
    indexes: Sequence[int] | None
    refused: Mapping[int, Refusal]


class LoadedSyncs:
    """The syncs in hand, the least used forgotten first."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._kept: OrderedDict[str, LoadedSync] = OrderedDict()

    async def get(self, session: AsyncSession, sync_id: str, space_id: str) -> LoadedSync:
        """The sending of a sync; loaded anew when the destination's settings have changed (they are read live)."""
        repository = SyncRepository(session)
        kept = self._kept.get(sync_id)
        if kept is not None:
            destination = await repository.destination(space_id, kept.sync.destination_id)
            if destination is not None and destination.updated_at == kept.account.version:
                self._kept.move_to_end(sync_id)
                return kept
        loaded = await _load(self._platform, session, repository, space_id, sync_id)
        self._kept[sync_id] = loaded
        while len(self._kept) > KEPT_SYNCS:
            self._kept.popitem(last=False)
        return loaded

    def forget(self, sync_id: str) -> None:
        """Load a sync anew next time: what is kept of it may be what is broken."""
        self._kept.pop(sync_id, None)


async def _load(
    platform: Platform,
    session: AsyncSession,
    repository: SyncRepository,
    space_id: str,
    sync_id: str,
) -> LoadedSync:
    sync = await repository.get(space_id, sync_id)
    assert sync is not None and sync.revision_id is not None and sync.spec is not None  # noqa: S101, PT018  planned
    assert sync.planned_at is not None  # noqa: S101  as above
    activation = await repository.activation(space_id, sync.activation_id)
    stored = await repository.revision(space_id, sync.revision_id)
    destination = await repository.destination(space_id, sync.destination_id)
    audience = await RunRepository(session).audience(
        space_id, activation.audience_id if activation else ""
    )
    assert activation and stored and destination and audience  # noqa: S101, PT018  foreign keys say so
    workspace_id = await repository.workspace_of(space_id)
    account = open_account(platform.keyring, workspace_id, destination)
    made = await ConnectionRepository(session).made_lists(activation)
    revision = Revision.parse(stored.config)
    renderer = Renderer(
        account.definition,
        revision,
        event_frame(sync.id, sync.planned_at, audience, revision, activation, made),
    )
    snapshots = await pinned_snapshots(session, sync, activation, revision)
    return LoadedSync(
        platform=platform,
        sync=sync,
        activation=activation,
        audience=audience,
        account=account,
        connector=account.connector_class(
            account.settings,
            connector_tools(
                platform,
                destination.id,
                account.definition,
                account.secrets,
                resync=sync.kind == "resync",
            ),
        ),
        spec=spec_from_json(sync.spec),
        audience_name=sync.spec.get(AUDIENCE_NAME) or audience.name,
        revision=revision,
        made_lists=made,
        renderer=renderer,
        reader=_reader(platform, sync),
        wanted=[Manifest.from_json(snapshot.manifest) for snapshot in snapshots],
        trait_types=trait_types_of(renderer.trait_names, [one.traits for one in snapshots]),
    )


def _reader(platform: Platform, sync: Sync) -> PlanReader | None:
    return PlanReader(platform, StoredFile(**sync.plan)) if sync.plan is not None else None


def event_frame(
    sync_id: str,
    planned_at: datetime,
    audience: Audience,
    revision: Revision,
    activation: Activation,
    made: Mapping[str, str],
) -> EventFrame:
    """What the events of one sync have in common; ``made``: the connection's lists."""
    both = revision.activation_type == "Audience Membership Changed"
    return EventFrame(
        type="identify" if both else "track",
        sync_id=sync_id,
        space_id=audience.space_id,
        audience_id=audience.id,
        audience_key=audience.key,
        activation_id=activation.id,
        list_of=lambda place: list_of(made, activation.id, place),
        connection_settings=revision.connection_settings,
        planned_at=planned_at,
    )
