"""A sync that a worker has loaded, and the preparation of its batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import httpx

from app.connectors.base import (
    AudienceRef,
    Call,
    Connector,
    Delivery,
    PlaceRows,
    Refusal,
    WholePlan,
)
from app.core import clock
from app.domain.changes import ChangeKind
from app.domain.places import Place, place_of
from app.services.accounts import Account, connector_tools
from app.services.delivery.place_rows import PlannedPlaceRows, Shared
from app.services.delivery.plan_reader import PlanReader
from app.services.delivery.render import PlainDeliveries, Renderer, Rows
from app.services.delivery.wanted_reader import WantedReader
from app.services.platform import Platform
from app.services.revision import (
    CALLS,
    EXITS_FIRST,
    OWNERS_UNTIL,
    PLACES,
    Revision,
    action_of,
    constants,
    lacks_list,
    place_at,
    settings_at,
    target_of,
)
from app.snapshots.engine import PlanSpec
from app.snapshots.plans import PlanRows
from app.storage.models import Activation, Audience, Batch, Sync
from app.storage.repositories.batch_counts import Claimed


@dataclass(frozen=True, slots=True)
class Stream:
    """Deliveries in chunks, for a connector that takes a whole plan: the plan is never in memory.

    ``refused`` is filled while the chunks are read: the changes that cannot be rendered, by their index in the batch.
    """

    chunks: AsyncIterator[Sequence[Delivery]]
    refused: Mapping[int, Refusal]
    is_membership: bool  # all wanted members, instead of the changes


@dataclass(slots=True)
class LoadedSync:
    """Everything that the batches of one sync are sent with. Its rows are as they were when it was loaded."""

    platform: Platform
    sync: Sync
    activation: Activation
    audience: Audience
    account: Account
    connector: Connector
    spec: PlanSpec
    revision: Revision
    made_lists: Mapping[str, str]  # of the connection, by ``placement.list_key``
    renderer: Renderer
    reader: PlanReader | None
    wanted: WantedReader
    trait_types: Mapping[str, str]
    audience_name: str  # as it was when the sync was planned
    shared: Shared = field(default_factory=dict)  # identifiers that several rows of a place carry

    def call(self, batch: Batch, attempted_at: datetime) -> Call:
        """Return the call of a batch: what the connector is told about it."""
        sync, audience = self.sync, self.audience
        assert sync.planned_at is not None  # noqa: S101  only planned syncs have batches
        action = action_of(self.account.definition, self.revision)
        place = place_of(self._place_text(batch))
        fixed, settings = self._settings_at(place)
        return Call(
            idempotency_key=f"{sync.id}-{batch.number}-{batch.first_row}-{batch.row_count}",
            space_id=sync.space_id,
            audience=AudienceRef(audience.id, audience.key, self.audience_name),
            activation_id=self.activation.id,
            connection_id=self.activation.connection_id or "",
            sync_id=sync.id,
            seq=sync.number,
            number=batch.first_call or batch.number,
            count=(sync.spec or {}).get(CALLS) or sync.batches,
            kind=ChangeKind(batch.kind) if batch.kind else None,
            resync=sync.kind == "resync",
            planned_at=sync.planned_at,
            attempted_at=attempted_at,
            rows=batch.row_count,
            repeats=batch.ambiguous,
            action_id=action.id if action else None,
            target=target_of(self.made_lists, self.activation.id, place),
            arm=place.arm,
            connection_settings=settings,
            constants=fixed,
            trait_types=self.trait_types,
            place_rows=self._place_rows(batch),
        )

    def _place_rows(self, batch: Batch) -> PlaceRows | None:
        """Return the rows of the place that a batch writes to. A batch of a whole plan may have several places."""
        if batch.kind is None or self.reader is None:
            return None
        return PlannedPlaceRows(
            self.platform,
            self.activation,
            self.reader.file,
            self._place_text(batch),
            exits_first=bool((self.sync.spec or {}).get(EXITS_FIRST)),
            known=self.shared,
        )

    def _place_text(self, batch: Batch) -> str | None:
        """Return the place that a batch writes to: all its rows have one place."""
        return place_at(self.sync.spec or {}, batch.first_row)

    def _settings_at(self, place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return constants and connection settings for a place, which the revision may no longer name."""
        definition = self.account.definition
        if PLACES not in (self.sync.spec or {}):  # planned by a version that recorded no places
            return dict(constants(definition, self.revision)), dict(
                self.revision.connection_settings
            )
        return settings_at(definition, self.revision, place)

    async def source(self, batch: Batch, call: Call) -> Rows | Stream:
        """Return the deliveries of a batch: rendered, or a stream if the connector takes a whole plan."""
        assert self.reader is not None  # noqa: S101  a batch has rows, so there is a plan
        if batch.kind is None and isinstance(self.connector, WholePlan):
            if self.connector.wants_members(call):
                members = self._rendered_pages(self.wanted.pages(), {})
                return Stream(members, {}, is_membership=True)
            refused: dict[int, Refusal] = {}
            windows = self.reader.windows(batch.first_row, batch.row_count)
            changes = self._rendered_pages(windows, refused)
            return Stream(changes, refused, is_membership=False)
        return await self.rows(batch.first_row, batch.row_count)

    async def rows(self, first_row: int, count: int) -> Rows:
        """Return the deliveries of some rows of the plan."""
        assert self.reader is not None  # noqa: S101  a batch has rows, so there is a plan
        return self._rendered(await self.reader.rows(first_row, count))

    def _rendered(self, rows: PlanRows) -> Rows:
        """Render rows of a plan: as columns if nothing is mapped and no field became empty."""
        if self.renderer.is_plain and not rows.may_clear():
            return Rows(PlainDeliveries(rows, self.renderer), None, {})
        return self.renderer.render_all(rows)

    async def _rendered_pages(
        self, pages: AsyncIterator[PlanRows], refused: dict[int, Refusal]
    ) -> AsyncIterator[Sequence[Delivery]]:
        """Render page after page. ``refused`` receives the refusals by their index in all pages together."""
        first = 0
        async for page in pages:
            rows = self._rendered(page)
            for index, refusal in rows.refused.items():
                refused[first + index] = refusal
            first += len(page)
            yield rows.deliveries

    def is_in_order(self, batch: Batch) -> bool:
        """Return whether the calls of a batch are made one after another: entries that take keys over, in chains of owners."""
        until: int = (self.sync.spec or {}).get(OWNERS_UNTIL) or 0
        return batch.kind == ChangeKind.ENTERED and batch.first_row < until

    def leaves_old_list(self, batch: Batch) -> bool:
        """Return whether a batch exits members from a list that the revision no longer names."""
        return batch.kind == ChangeKind.EXITED and self._place_text(batch) not in self.spec.places

    def lacks_a_list(self, batch: Batch) -> bool:
        """Return whether the list that a batch writes to does not exist yet."""
        text = self._place_text(batch)
        definition = self.account.definition
        return lacks_list(definition, self.revision, self.made_lists, self.activation.id, text)

    def connector_with(self, client: httpx.AsyncClient) -> Connector:
        """Return the connector with another HTTP client."""
        tools = replace(
            connector_tools(self.platform, "", self.account.definition, ()), http=client
        )
        return self.account.connector_class(self.account.settings, tools)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a call needs: the claimed batch, the call, what it carries, and the handle that it is resumed by."""

    loaded: LoadedSync
    claimed: Claimed
    call: Call
    source: Rows | Stream
    leaves_old_list: bool  # if that list is gone, the batch's members have left it
    rows: int  # of the plan; the rendering may have refused some
    handle: Mapping[str, Any] | None


async def prepare(loaded: LoadedSync, claimed: Claimed) -> Prepared:
    """Prepare the call of a claimed batch: read its rows from the plan and render them."""
    batch = claimed.batch
    call = loaded.call(batch, clock.now())
    source = await loaded.source(batch, call)
    return prepared_call(loaded, claimed, call, source, batch.continuation)


def prepared_call(
    loaded: LoadedSync,
    claimed: Claimed,
    call: Call,
    source: Rows | Stream,
    handle: Mapping[str, Any] | None,
) -> Prepared:
    """Return a call of a batch with what it carries. Its rows are those that are sent."""
    rows = call.rows
    if isinstance(source, Rows) and source.indexes is not None:
        call = replace(call, rows=len(source.indexes))
    leaves = loaded.leaves_old_list(claimed.batch)
    return Prepared(loaded, claimed, call, source, leaves, rows, handle)
