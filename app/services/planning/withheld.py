"""Rows of the holdings that change when a plan is stored: exits that are not sent, because others hold their keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.services.places import PlacesChanged
from app.services.planning.plan_inputs import PlanInputs
from app.services.platform import Platform, activation_folder, fresh_key, store_file
from app.services.syncs import compact_manifest, count_manifest
from app.snapshots.engine import Manifest
from app.snapshots.holdings import fold_manifest
from app.storage.models import Activation


@dataclass(frozen=True, slots=True)
class Withheld:
    """The holdings with the changed rows, and their counts. The files are stored, no row names them yet."""

    before: Manifest
    holdings: Manifest
    held: int
    assumed: int

    def apply(self, activation: Activation) -> None:
        """Make them the holdings of a locked activation. Raises PlacesChanged if its holdings are not those before."""
        if Manifest.from_json(activation.holdings) != self.before:
            raise PlacesChanged
        activation.holdings = self.holdings.to_json()
        activation.held, activation.assumed = self.held, self.assumed


async def store_withheld(
    platform: Platform, inputs: PlanInputs, rows: Path, count: int
) -> Withheld:
    """Store changed rows as a delta of the holdings."""
    sync = inputs.sync
    folder = activation_folder(sync.space_id, sync.activation_id)
    key = fresh_key(f"{folder}/syncs/{sync.id}", "withheld")
    file = await store_file(platform.objects, rows, key, count)
    manifest = fold_manifest(inputs.holdings, file)
    if manifest.needs_compaction:
        manifest = await compact_manifest(platform, manifest, f"{folder}/holdings")
    return Withheld(inputs.holdings, manifest, *await count_manifest(platform, manifest))
