"""Profiles that a partner renamed while a sync was sent: found when it settles, and sent again by the next sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors import registry
from app.core.clock import to_wire
from app.domain.options import frequency_of
from app.services.places import Neighbours, check_unchanged, fetch_holders, find_neighbours
from app.services.platform import Platform
from app.services.revision import EXITS_FIRST
from app.services.syncs.batch_pages import Receipts
from app.snapshots.engine import LocalManifest
from app.snapshots.holdings import RENAMED_CODE, RenameCheck
from app.storage.models import Activation, Sync
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.places import PlaceRepository
from app.storage.repositories.syncs import SyncRepository

TRIGGER = "profile_renamed"  # of the sync that follows
PLACE_TRIGGER = "place"  # of a sync that opens because another activation at the same place changed
MAX_FOLLOWING = (
    10  # syncs in a row with these triggers; then members with one profile wait for the next sync
)
_ENDLESS = (
    "{times} syncs in a row entered members again who have one profile at the destination. They stay unknown, and the "
    "next sync enters them again. Remove the identifier that they share from the profile at the destination."
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The other activations at the places of a sync, as its fold compares its profiles with theirs."""

    neighbours: Neighbours
    check: RenameCheck

    async def still_there(self, session: AsyncSession, sync: Sync) -> None:
        """Lock the places until the transaction ends. Raises PlacesChanged if the others are not as they were.

        Called before any row is locked (R7). Of two syncs that settle at once, the later one sees the holdings of the other.
        """
        await check_unchanged(session, sync.space_id, sync.activation_id, self.neighbours)

    async def wake(self, session: AsyncSession, sync: Sync, positions: Sequence[int]) -> None:
        """Let the activations at some positions plan again, as soon as they have no open sync."""
        everyone = [(sync.space_id, sync.activation_id), *self.neighbours.others]
        others = [everyone[position] for position in positions]
        await PlaceRepository(session).let_wait(others, everyone[0])


async def find_surroundings(
    platform: Platform, sync: Sync, holdings: LocalManifest, receipts: Receipts
) -> Surroundings | None:
    """Read who else is at the places of a sync; None if the partner renames no profiles or told no ids of its own."""
    if not receipts.have_ids:
        return None
    async with platform.unit_of_work() as session:
        account = await DestinationRepository(session).get(sync.space_id, sync.destination_id)
        if account is None or not registry.get(account.slug).definition.renames_profiles:
            return None
        neighbours = await find_neighbours(session, sync.space_id, sync.activation_id)
    holders = await fetch_holders(platform, sync, holdings, neighbours)
    exits_first = bool((sync.spec or {}).get(EXITS_FIRST))
    return Surroundings(neighbours, RenameCheck(holders, exits_first))


def needs_another(activation: Activation, sync: Sync, found: int) -> bool:
    """Return whether a sync must follow for members whose profiles were renamed. Activations with a schedule send at its time."""
    return bool(found) and sync.kind != "test" and frequency_of(activation.options).follows_runs


async def is_endless(session: AsyncSession, sync: Sync) -> bool:
    """Return whether a partner seems to give members one profile for ever: the last syncs, this one included, all followed others."""
    followed = await SyncRepository(session).in_a_row(sync, (TRIGGER, PLACE_TRIGGER), MAX_FOLLOWING)
    return followed >= MAX_FOLLOWING


def endless_error(sync: Sync) -> dict[str, str]:
    """Return the error ``{message, code, at}`` of an activation whose members the partner never tells apart."""
    assert sync.finished_at is not None  # noqa: S101  it has just ended
    return {
        "message": _ENDLESS.format(times=MAX_FOLLOWING),
        "code": RENAMED_CODE,
        "at": to_wire(sync.finished_at),
    }
