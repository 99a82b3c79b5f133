"""Neighbours: the other activations at the places of one, as they are when a plan is computed and when it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.shared_places import keeping_of
from app.services.places.place_names import lock_number
from app.services.platform import Platform, fetch_file, fetch_manifest
from app.services.revision import Revision
from app.snapshots.engine import Manifest, StoredFile
from app.snapshots.plans import Sharer
from app.storage.repositories.places import PlaceRepository, SharerRow


class PlacesChanged(Exception):
    """What others hold at the places of a plan changed while it was computed: it must be computed again."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The places of an activation, ``{place in plans: names}``, and the other activations there."""

    places: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rows: Sequence[SharerRow] = ()

    @property
    def state(self) -> object:
        """A value that is equal as long as nothing changes that a plan depends on."""
        seen = [(row.local, row.theirs, row.activation_id, row.version) for row in self.rows]
        return self.places, seen

    def versions(self, numbers: Sequence[int]) -> dict[tuple[str, str], str]:
        """Return ``{(space, activation): version}`` of the rows at some positions."""
        chosen = [self.rows[number] for number in numbers]
        return {(row.space_id, row.activation_id): row.version for row in chosen}

    @property
    def others(self) -> dict[tuple[str, str], Manifest]:
        """The holdings of each other activation, by space and id, in the order of their ids."""
        return {
            (row.space_id, row.activation_id): Manifest.from_json(row.holdings) for row in self.rows
        }

    def is_whole(self, row: SharerRow) -> bool:
        """Return whether the other activation writes to everything that is written to from this place."""
        return self.places[row.local] <= set(row.places)


async def find_neighbours(session: AsyncSession, space_id: str, activation_id: str) -> Neighbours:
    """Read the recorded places of an activation, and who else is there."""
    repository = PlaceRepository(session)
    places: dict[str, frozenset[str]] = {}
    for row in await repository.of_activation(space_id, activation_id):
        places[row.local] = places.get(row.local, frozenset()) | {row.place}
    rows = await repository.sharers(space_id, activation_id) if places else ()
    return Neighbours(places, rows)


async def check_unchanged(
    session: AsyncSession, space_id: str, activation_id: str, known: Neighbours
) -> None:
    """Lock the places of an activation, in one order for all. Raises PlacesChanged if its neighbours are not as known.

    Called before any row is locked (R7).
    """
    names = {name for names in known.places.values() for name in names}
    await PlaceRepository(session).lock(sorted(lock_number(name) for name in names))
    now = await find_neighbours(session, space_id, activation_id)
    if now.state != known.state:
        raise PlacesChanged


async def fetch_sharers(platform: Platform, neighbours: Neighbours) -> list[Sharer]:
    """Fetch what the engine compares a plan with. Returns one sharer for each row, in order."""
    found = []
    for row in neighbours.rows:
        revision = Revision.parse(row.config)
        plan = await fetch_file(platform.objects, StoredFile(**row.plan)) if row.plan else None
        found.append(
            Sharer(
                place=row.local or None,
                theirs=row.theirs or None,
                keeping=keeping_of(revision.mode, revision.sends),
                whole=neighbours.is_whole(row),
                holdings=await fetch_manifest(platform.objects, Manifest.from_json(row.holdings)),
                plan=plan,
            )
        )
    return found
