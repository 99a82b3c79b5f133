"""The rows of the place that a batch writes to, as connectors ask for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.connectors.base import Identifier
from app.services.places import fetch_sharers, find_neighbours
from app.services.platform import Platform, fetch_file, fetch_manifest
from app.snapshots.engine import Manifest, StoredFile
from app.snapshots.holdings import PlaceFiles, find_carriers
from app.storage.models import Activation


@dataclass(frozen=True, slots=True)
class PlannedPlaceRows:
    """The rows held at a place before a plan, and those that the plan enters or updates there.

    The rows of other activations that share the place count too.
    """

    platform: Platform
    activation: Activation
    plan: StoredFile
    place: str | None

    async def carriers(
        self, identifiers: Collection[Identifier]
    ) -> Mapping[Identifier, Sequence[Identifier]]:
        """Return ``{identifier: keys}``, as ``app.connectors.base.PlaceRows`` says."""
        files = [await self._own(), *await self._of_sharers()]
        found: Mapping[Identifier, Sequence[Identifier]] = await self.platform.engine.run(
            find_carriers, files, identifiers, lane="small"
        )
        return found

    async def _own(self) -> PlaceFiles:
        held = Manifest.from_json(self.activation.holdings)
        objects = self.platform.objects
        local = await fetch_manifest(objects, held)
        return PlaceFiles(local, await fetch_file(objects, self.plan), self.place)

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
