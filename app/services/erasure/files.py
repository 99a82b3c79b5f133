"""Stored files of a space, written again without a person.

A new file is stored first. One transaction then names it in place of the old one, in all rows that do (R2). The old file is
deleted by ``unnamed``, once nothing that may read it is at work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.persons import Person
from app.domain.run_states import RunKind, RunState
from app.services.platform import (
    Platform,
    activation_folder,
    audience_folder,
    fetch_file,
    fetch_manifest,
    fresh_key,
    retry_transaction,
    store_file,
)
from app.snapshots.engine import Manifest, StoredFile, lane_of
from app.snapshots.erasure import erase_person
from app.snapshots.membership import count_members
from app.storage.models import Activation, Dataset, DatasetContent, Snapshot, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.dataset_contents import DatasetContentRepository
from app.storage.repositories.datasets import DatasetRepository
from app.storage.repositories.personal_data import PersonalDataQueries
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.syncs import SyncRepository

#: The file that replaces another, by the key of the old one.
Replaced = Mapping[str, StoredFile]


async def _forget_counts(session: AsyncSession) -> None:
    """Write no counts."""


@dataclass(slots=True)
class Tally:
    """What a pass has found: rows and files by place, and the keys of files that do not name the person.

    ``write`` writes the counts in the transaction that changes what was counted, so that a crash loses none.
    """

    found: dict[str, dict[str, int]] = field(default_factory=dict)
    clean: set[str] = field(default_factory=set)
    write: Callable[[AsyncSession], Awaitable[None]] = _forget_counts

    def add(self, place: str, **counts: int) -> None:
        """Add counts to a place, such as ``snapshots``."""
        there = self.found.setdefault(place, {})
        for name, count in counts.items():
            there[name] = there.get(name, 0) + count


@dataclass(frozen=True, slots=True)
class Rewriting:
    """Writes the files of a space again without a person."""

    platform: Platform
    space_id: str
    person: Person
    tally: Tally

    async def datasets(self) -> None:
        """Rewrite the contents of datasets, current and former."""
        async with self.platform.unit_of_work() as session:
            rows = await PersonalDataQueries(session).tables(self.space_id)
        for row in rows:
            owner = row.id if isinstance(row, Dataset) else row.dataset_id
            folder = f"spaces/{self.space_id}/datasets/{owner}"
            place = "datasets" if isinstance(row, Dataset) else "formerContents"
            found = await self._rewrite([StoredFile(**(row.file or {}))], folder, place, table=True)
            if found:
                await self._switch(_switch_table, row, found)

    async def snapshots(self) -> None:
        """Rewrite the snapshots of all audiences, those of one audience at a time: they share files."""
        async with self.platform.unit_of_work() as session:
            rows = await PersonalDataQueries(session).snapshots(self.space_id)
        by_audience: dict[str, list[Snapshot]] = {}
        for row in rows:
            by_audience.setdefault(row.audience_id, []).append(row)
        for audience_id, snapshots in by_audience.items():
            files = {
                file.key: file
                for row in snapshots
                for file in Manifest.from_json(row.manifest).files
            }
            folder = f"{audience_folder(self.space_id, audience_id)}/snapshots/erased"
            found = await self._rewrite(files.values(), folder, "snapshots")
            if found:
                counts = await self._counts(snapshots, found)
                await self._switch(partial(_switch_snapshots, counts), snapshots, found)

    async def _counts(self, snapshots: Iterable[Snapshot], replaced: Replaced) -> dict[str, int]:
        """Count the members of snapshots with their new files, by id."""
        counts = {}
        for row in snapshots:
            after = _replaced(Manifest.from_json(row.manifest), replaced)
            if after.to_json() == row.manifest:
                continue
            local = await fetch_manifest(self.platform.objects, after)
            counts[row.id] = await self.platform.engine.run(
                count_members, local, lane=lane_of(after.rows)
            )
        return counts

    async def holdings(self, activation: Activation) -> None:
        """Rewrite the holdings of an activation whose exits are not waited for."""
        folder = f"{activation_folder(self.space_id, activation.id)}/holdings"
        files = Manifest.from_json(activation.holdings).files
        found = await self._rewrite(files, folder, "holdings")
        if found:
            await self._switch(_switch_holdings, activation, found)

    async def syncs(self, activation: Activation) -> None:
        """Rewrite plans and outcomes of the syncs of an activation that have ended."""
        folder = f"{activation_folder(self.space_id, activation.id)}/syncs"
        async with self.platform.unit_of_work() as session:
            syncs = await PersonalDataQueries(session).syncs_with_files(
                self.space_id, activation.id
            )
        for sync in syncs:
            found: dict[str, StoredFile] = {}
            for place, stored in (("plans", sync.plan), ("outcomes", sync.outcome)):
                if stored is not None:
                    file = StoredFile(**stored)
                    found |= await self._rewrite([file], f"{folder}/{sync.id}", place)
            if found:
                await self._switch(_switch_sync, sync, found)

    async def inputs(self) -> None:
        """Forget the uploads of runs that failed: nothing reads them any more."""

        async def write(session: AsyncSession) -> None:
            for run in await PersonalDataQueries(session).unread_inputs(self.space_id):
                run.input = {
                    name: part for name, part in (run.input or {}).items() if name != "file"
                }

        await retry_transaction(self.platform.unit_of_work, write)

    async def _rewrite(
        self, files: Iterable[StoredFile], folder: str, place: str, *, table: bool = False
    ) -> dict[str, StoredFile]:
        """Write those of some files again that name the person. Returns the new files by the keys of the old ones."""
        replaced: dict[str, StoredFile] = {}
        for file in files:
            if file.key in self.tally.clean:
                continue
            path = await fetch_file(self.platform.objects, file)
            out = self.platform.engine.scratch_file(".parquet")
            try:
                erased = await self.platform.engine.run(
                    erase_person, path, self.person, out, table=table, lane=lane_of(file.rows)
                )
                if erased is None:
                    self.tally.clean.add(file.key)
                    continue
                name = file.key.rpartition("/")[2].partition("-")[0]
                new = await store_file(
                    self.platform.objects, out, fresh_key(folder, name), erased.rows
                )
            finally:
                out.unlink(missing_ok=True)
            replaced[file.key] = new
            self.tally.add(place, files=1, rows=erased.removed, values=erased.changed)
        return replaced

    async def _switch(self, switch: Switch, row: Any, replaced: Replaced) -> None:
        """Name the new files, in one transaction. What another transaction has replaced is found in the next pass."""

        async def write(session: AsyncSession) -> None:
            await switch(session, row, replaced)
            await self.tally.write(session)

        await retry_transaction(self.platform.unit_of_work, write)


Switch = Callable[[AsyncSession, Any, Replaced], Awaitable[None]]


async def _switch_table(
    session: AsyncSession, row: Dataset | DatasetContent, replaced: Replaced
) -> None:
    found: Dataset | DatasetContent | None
    if isinstance(row, Dataset):
        found = await DatasetRepository(session).get(row.space_id, row.id, lock="update")
    else:
        found = await DatasetContentRepository(session).get(
            row.space_id, row.dataset_id, row.id, lock="update"
        )
    new = replaced.get((found.file or {}).get("key", "")) if found else None
    if found is not None and new is not None:
        found.file = new.to_json()
        found.row_count, found.byte_count = new.rows, new.bytes


async def _switch_snapshots(
    counts: Mapping[str, int], session: AsyncSession, rows: list[Snapshot], replaced: Replaced
) -> None:
    """Name the new files in all snapshots of an audience.

    A patch that is being computed would name the old files: it loses the audience's version, and is computed again (R6).
    """
    space_id, audience_id = rows[0].space_id, rows[0].audience_id
    audience = await AudienceRepository(session).get(space_id, audience_id, lock="update")
    if audience is None:
        return
    for run in await PersonalDataQueries(session).open_runs(space_id):
        is_reading = run.kind == RunKind.PATCH and run.state == RunState.RUNNING
        if run.audience_id == audience_id and is_reading:
            audience.version += 1
            break
    repository = SnapshotRepository(session)
    for row in rows:
        found = await repository.get(space_id, row.id, lock="update")
        if found is None:
            continue
        before = Manifest.from_json(found.manifest)
        after = _replaced(before, replaced)
        if after != before:
            found.manifest = after.to_json()
            found.row_count = counts.get(row.id, found.row_count)
            found.byte_count = sum(file.bytes for file in after.files)


async def _switch_holdings(
    session: AsyncSession, activation: Activation, replaced: Replaced
) -> None:
    """Name the new files in the holdings, unless a sync is open: settling it would name the old ones."""
    found = await ActivationRepository(session).get_any(
        activation.space_id, activation.id, lock="update"
    )
    if found is None or await SyncRepository(session).open_of(found.space_id, found.id) is not None:
        return
    before = Manifest.from_json(found.holdings)
    after = _replaced(before, replaced)
    if after != before:
        found.holdings = after.to_json()


async def _switch_sync(session: AsyncSession, sync: Sync, replaced: Replaced) -> None:
    found = await SyncRepository(session).get(sync.space_id, sync.id, lock="update")
    if found is None:
        return
    for column in ("plan", "outcome"):
        new = replaced.get((getattr(found, column) or {}).get("key", ""))
        if new is not None:
            setattr(found, column, new.to_json())


def _replaced(manifest: Manifest, replaced: Replaced) -> Manifest:
    return replace(
        manifest,
        base=tuple(replaced.get(file.key, file) for file in manifest.base),
        deltas=tuple(replaced.get(file.key, file) for file in manifest.deltas),
    )
