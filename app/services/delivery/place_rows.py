"""The rows of the place that a batch writes to, as connectors ask for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.connectors.base import Identifier
from app.services.platform import Platform, fetch_file, fetch_manifest
from app.snapshots.engine import Manifest, StoredFile
from app.snapshots.holdings import find_carriers


@dataclass(frozen=True, slots=True)
class PlannedPlaceRows:
    """The rows held at a place before a plan, and those that the plan enters or updates there."""

    platform: Platform
    holdings: Sequence[Manifest]
    plan: StoredFile
    place: str | None

    async def carriers(
        self, identifiers: Collection[Identifier]
    ) -> Mapping[Identifier, Sequence[Identifier]]:
        """Return ``{identifier: keys}``, as ``app.connectors.base.PlaceRows`` says."""
        objects = self.platform.objects
        held = [await fetch_manifest(objects, one) for one in self.holdings]
        plan = await fetch_file(objects, self.plan)
        found: Mapping[Identifier, Sequence[Identifier]] = await self.platform.engine.run(
            find_carriers, held, plan, self.place, identifiers, lane="small"
        )
        return found
