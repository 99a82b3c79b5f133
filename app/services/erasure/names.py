"""The names of the person: stored encrypted with the erasure, and completed from snapshots and holdings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app.core.crypto import Binding, Keyring
from app.domain.persons import MOST_TEXTS, Person
from app.services.platform import Platform, fetch_file
from app.snapshots.engine import Manifest, StoredFile, lane_of
from app.snapshots.erasure import Names, find_names, shared_values
from app.storage.models import Erasure
from app.storage.repositories.personal_data import PersonalDataQueries
from app.storage.repositories.spaces import SpaceRepository


@dataclass(frozen=True, slots=True)
class Asked:
    """The name that a request gave, folded, with its type (None: a profile id, else any identifier); and what was found for it.

    ``spelled`` has the names as they were given. ``shared`` counts identifiers that another profile has, too: they stay there.
    """

    text: str
    kind: str | None
    ids: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    spelled: tuple[str, ...] = ()
    shared: int = 0
    is_complete: bool = False

    @property
    def person(self) -> Person:
        """The person. The name that was given counts as an identifier, unless it is the id of a profile."""
        if self.kind is None and self.text in self.ids:
            return Person.of(self.ids, self.values, self.spelled)
        ids = self.ids if self.kind is not None or self.ids else (self.text,)
        return Person.of(ids, (*self.values, self.text), self.spelled)


def _binding(workspace_id: str, erasure_id: str) -> Binding:
    return Binding(workspace_id, "erasure", erasure_id, "person")


def seal_names(keyring: Keyring, workspace_id: str, erasure_id: str, asked: Asked) -> bytes:
    """Encrypt the names for the row of an erasure."""
    return keyring.encrypt(orjson.dumps(asked), _binding(workspace_id, erasure_id))


def read_names(keyring: Keyring, workspace_id: str, erasure: Erasure) -> Asked:
    """Decrypt the names of an open erasure. Raises KeyringError."""
    assert erasure.person is not None  # noqa: S101  only a complete erasure has none
    plain = keyring.decrypt(erasure.person, _binding(workspace_id, erasure.id))
    found: dict[str, Any] = orjson.loads(plain)
    lists = {name: tuple(texts) for name, texts in found.items() if isinstance(texts, list)}
    return Asked(**{**found, **lists})


async def complete_names(platform: Platform, space_id: str, asked: Asked) -> Asked:
    """Find all ids and identifiers of the profiles that a name means, in snapshots and holdings.

    A name without a type means the profile with this id; if there is none, the profiles with such an identifier. An
    identifier that another profile has, too, does not count as one of the person's.
    """
    members, keys = await _files(platform, space_id)
    start = Names(ids=frozenset({asked.text})) if asked.kind is None else Names()
    found = await _find(platform, [*members, *keys], start) if start.ids else Names()
    if not found.ids:
        given = Names(values=frozenset({asked.text}))
        found = await _find(platform, [*members, *keys], given, asked.kind)
    found = await _find(platform, [*members, *keys], Names(ids=found.ids)) | found
    shared = await _shared(platform, members, found)
    # An audience may have the person under an address or number as the id of the profile.
    own = Person.of((), {*found.values, asked.text} - shared).distinctive
    found |= await _find(platform, [*members, *keys], Names(ids=frozenset(own)))
    shared = await _shared(platform, members, found)
    values = sorted(found.values - shared)[:MOST_TEXTS]
    return replace(
        asked,
        ids=tuple(sorted(found.ids)),
        values=tuple(values),
        spelled=tuple(sorted({*asked.spelled, *found.spelled})[: 2 * MOST_TEXTS]),
        shared=len(shared),
        is_complete=True,
    )


async def _shared(platform: Platform, members: Iterable[StoredFile], found: Names) -> set[str]:
    """Return the values that other profiles have, too."""
    shared: set[str] = set()
    for file in members:
        path = await fetch_file(platform.objects, file)
        lane = lane_of(file.rows)
        shared |= await platform.engine.run(shared_values, path, found, lane=lane)
    return shared


async def _find(
    platform: Platform, files: Iterable[StoredFile], known: Names, kind: str | None = None
) -> Names:
    found = Names()
    for file in files:
        path = await fetch_file(platform.objects, file)
        found |= await platform.engine.run(find_names, path, known, kind, lane=lane_of(file.rows))
    return found


async def _files(platform: Platform, space_id: str) -> tuple[list[StoredFile], list[StoredFile]]:
    """Return the files of all snapshots of a space, and of all holdings, each once."""
    members: dict[str, StoredFile] = {}
    keys: dict[str, StoredFile] = {}
    async with platform.unit_of_work() as session:
        queries = PersonalDataQueries(session)
        for snapshot in await queries.snapshots(space_id):
            members |= {file.key: file for file in Manifest.from_json(snapshot.manifest).files}
        for activation in await queries.activations(space_id):
            keys |= {file.key: file for file in Manifest.from_json(activation.holdings).files}
    return list(members.values()), list(keys.values())


async def workspace_of(platform: Platform, space_id: str) -> str:
    """Return the workspace of a space."""
    async with platform.unit_of_work() as session:
        return await SpaceRepository(session).workspace_of(space_id)
