"""Holders: an activation and the others at its places, as they are compared to find profiles that the partner renamed."""

from __future__ import annotations

from app.services.places.neighbours import Neighbours
from app.services.platform import Platform, fetch_manifest
from app.snapshots.engine import LocalManifest
from app.snapshots.holdings import Holder
from app.storage.models import Sync
from app.storage.repositories.syncs import SyncRepository


async def fetch_holders(
    platform: Platform, sync: Sync, holdings: LocalManifest, neighbours: Neighbours
) -> list[Holder]:
    """Fetch the holder of a sync's activation, whose holdings are given, and then those of ``neighbours.others``."""
    held = [
        holdings,
        *[await fetch_manifest(platform.objects, one) for one in neighbours.others.values()],
    ]
    who = [(sync.space_id, sync.activation_id), *neighbours.others]
    async with platform.unit_of_work() as session:
        times = [await SyncRepository(session).times_of(*one) for one in who]
    return [Holder(files, when) for files, when in zip(held, times, strict=True)]
