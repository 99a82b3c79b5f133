"""Holdings that an earlier version of the service stored, rewritten once before the next plan."""

from __future__ import annotations

from app.services.planning.plan_inputs import PlanInputs
from app.services.platform import (
    LeaseLost,
    Platform,
    activation_folder,
    fetch_manifest,
    fresh_key,
    store_file,
)
from app.snapshots.engine import LocalManifest, Manifest
from app.snapshots.holdings import is_old, rewrite_old_holdings
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.syncs import SyncRepository


async def fetch_holdings(platform: Platform, inputs: PlanInputs) -> LocalManifest:
    """Fetch the holdings of a sync's activation. Old ones are rewritten first, and stored as the activation's.

    Raises UnknownFormat if a newer version of the service wrote a file, LeaseLost if another worker has the sync.
    """
    local = await fetch_manifest(platform.objects, inputs.holdings)
    if not is_old(local):
        return local
    sync, out = inputs.sync, platform.engine.scratch_file(".parquet")
    try:
        rows = await platform.engine.run(rewrite_old_holdings, local, inputs.spec, out)
        folder = activation_folder(sync.space_id, sync.activation_id)
        key = fresh_key(f"{folder}/holdings", "base")
        current = Manifest(base=(await store_file(platform.objects, out, key, rows),))
    finally:
        out.unlink(missing_ok=True)
    async with platform.unit_of_work() as session:
        lease = platform.settings.lease
        activation = await ActivationRepository(session).get_any(
            sync.space_id, sync.activation_id, lock="update"
        )
        assert activation is not None  # noqa: S101  a foreign key
        same = Manifest.from_json(activation.holdings) == inputs.holdings
        renewed = await SyncRepository(session).renew(
            sync.space_id, sync.id, sync.lease_token, lease
        )
        if not (same and renewed):
            raise LeaseLost
        activation.holdings = current.to_json()
    return await fetch_manifest(platform.objects, current)
