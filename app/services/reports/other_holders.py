"""Other activations that hold keys of a profile at the places of an activation."""

from __future__ import annotations

from collections.abc import Collection

from app.services.places import fetch_sharers, find_neighbours
from app.services.platform import Platform
from app.services.reports.explanation import OtherHolder
from app.snapshots.plans import find_holders


async def other_holders(
    platform: Platform, space_id: str, activation_id: str, keys: Collection[tuple[str, str]]
) -> list[OtherHolder]:
    """Return the activations that hold some keys (type and value) at the same place. An exit of such a key is not sent."""
    async with platform.unit_of_work() as session:
        neighbours = await find_neighbours(session, space_id, activation_id)
    if not neighbours.rows or not keys:
        return []
    sharers = await fetch_sharers(platform, neighbours)
    found = await platform.engine.run(find_holders, sharers, keys, lane="small")
    holders = [
        OtherHolder(neighbours.rows[number].activation_id, key, kind)
        for number, (kind, key) in found
    ]
    return list(dict.fromkeys(holders))
