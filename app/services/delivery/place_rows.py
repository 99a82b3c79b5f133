"""The rows of the place that a batch writes to, as connectors ask for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from app.connectors.base import Identifier
from app.services.places import fetch_sharers, find_neighbours
from app.services.platform import Platform, fetch_file, fetch_manifest
from app.snapshots.engine import Manifest, StoredFile
from app.snapshots.holdings import PlaceFiles, find_carriers, find_shared, find_shared_ids
from app.storage.models import Activation

_KEPT = 100_000  # shared identifiers of a place that are kept; if there are more, each batch asks for its own

#: By place and names: the identifiers that two or more rows carry; None if there are too many.
Shared = dict[tuple[str | None, tuple[str, ...]], Collection[Identifier] | None]


@dataclass(frozen=True, slots=True)
class PlannedPlaceRows:
    """The rows held at a place before a plan, and those that the plan enters or updates there.

    The rows of other activations that share the place count too.
    """

    platform: Platform
    activation: Activation
    plan: StoredFile
    place: str | None
    exits_first: bool = False
    #: Kept for all batches of the sync.
    known: Shared = field(default_factory=dict)

    async def carriers(
        self, identifiers: Collection[Identifier]
    ) -> Mapping[Identifier, Sequence[Identifier]]:
        """Return ``{identifier: keys}``, as ``app.connectors.base.PlaceRows`` says."""
        found: Mapping[Identifier, Sequence[Identifier]] = await self.platform.engine.run(
            find_carriers, await self._files(), identifiers, lane="small"
        )
        return found

    async def shared(self, identifiers: Collection[Identifier]) -> Collection[Identifier]:
        """Return identifiers that several rows carry. The rows do not change while the sync is sent, so they are kept."""
        names = tuple(sorted({name for name, _ in identifiers}))
        if not names:
            return ()
        at = (self.place, names)
        if at not in self.known:
            found = await self._find_shared(names, None)
            self.known[at] = frozenset(found) if len(found) <= _KEPT else None
        kept = self.known[at]
        if kept is None:
            return await self._find_shared(names, identifiers)
        return [one for one in identifiers if one in kept]

    async def _find_shared(
        self, names: Sequence[str], among: Collection[Identifier] | None
    ) -> Sequence[Identifier]:
        files = await self._files()
        most = _KEPT + 1
        found: Sequence[Identifier] = await self.platform.engine.run(
            find_shared, files, names, most, among, lane="small"
        )
        return found

    async def shared_ids(self, partner_ids: Collection[str]) -> Collection[str]:
        """Return the partner's ids that several held rows have."""
        if not partner_ids:
            return ()
        found: Sequence[str] = await self.platform.engine.run(
            find_shared_ids, await self._files(), partner_ids, lane="small"
        )
        return found

    async def _files(self) -> list[PlaceFiles]:
        return [await self._own(), *await self._of_sharers()]

    async def _own(self) -> PlaceFiles:
        held = Manifest.from_json(self.activation.holdings)
        objects = self.platform.objects
        local = await fetch_manifest(objects, held)
        plan = await fetch_file(objects, self.plan)
        return PlaceFiles(local, plan, self.place, self.exits_first)

    async def _of_sharers(self) -> list[PlaceFiles]:
        async with self.platform.unit_of_work() as session:
            neighbours = await find_neighbours(
                session, self.activation.space_id, self.activation.id
            )
        sharers = await fetch_sharers(self.platform, neighbours)
        return [
            PlaceFiles(one.holdings, one.plan, one.theirs)
            for one in sharers
            if one.place == self.place
        ]
