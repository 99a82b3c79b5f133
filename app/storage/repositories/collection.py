"""What rows still name, for the collector: keys of files, and rows that have outlived their use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Delete, Update, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.run_states import RunState
from app.domain.sync_states import FINAL_STATES
from app.storage.models import (
    Activation,
    Audience,
    Batch,
    Dataset,
    Destination,
    Run,
    Snapshot,
    Space,
    Sync,
    SyncSource,
)

_ENDED = Sync.state.in_(FINAL_STATES)


class CollectionRepository:
    """Queries of the collector."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def named_keys(self) -> set[str]:
        """Keys of all files that a row names."""
        keys: set[str] = set()
        for column in (Snapshot.manifest, Activation.holdings):
            for manifest in await self.session.scalars(select(column).where(column.is_not(None))):
                for part in ("base", "deltas"):
                    keys.update(file["key"] for file in (manifest or {}).get(part, ()))
        for column in (Dataset.file, Sync.plan, Sync.outcome, Batch.receipts_file):
            for file in await self.session.scalars(select(column).where(column.is_not(None))):
                keys.add((file or {})["key"])
        # What a run has taken in lives on in its snapshot.
        unread = select(Run.input).where(Run.input.is_not(None), Run.state != RunState.COMPLETE)
        for supplied in await self.session.scalars(unread):
            keys.add((supplied or {})["file"]["key"])
        return keys

    async def old_syncs(self, age: timedelta, limit: int) -> Sequence[tuple[str, str]]:
        """Space and id of syncs that have ended so long ago and still name files."""
        query = (
            select(Sync.space_id, Sync.id)
            .where(
                _ENDED,
                Sync.finished_at < func.clock_timestamp() - age,
                or_(Sync.plan.is_not(None), Sync.outcome.is_not(None)),
            )
            .limit(limit)
        )
        return [(row[0], row[1]) for row in await self.session.execute(query)]

    async def forget_sync(self, space_id: str, sync_id: str, most: int) -> bool:
        """Remove up to ``most`` batches of a sync with their tries, and when none is left its files; whether it is done."""
        of_it = (Batch.space_id == space_id, Batch.sync_id == sync_id)
        some = select(Batch.number).where(*of_it).limit(most)
        removed = await self._execute(delete(Batch).where(*of_it, Batch.number.in_(some)))
        if removed == most:
            return False
        of_it = (Sync.space_id == space_id, Sync.id == sync_id)
        await self._execute(update(Sync).where(*of_it).values(plan=None, outcome=None))
        return True

    async def forget_snapshots(self, age: timedelta) -> None:
        """Remove old snapshots that no audience reads and no open sync was pinned to."""
        past = func.clock_timestamp() - age
        in_use = [
            exists().where(Audience.space_id == Snapshot.space_id, column == Snapshot.id)
            for column in (Audience.current_snapshot_id, Audience.pinned_snapshot_id)
        ]
        in_use.append(
            exists().where(
                SyncSource.space_id == Snapshot.space_id,
                SyncSource.snapshot_id == Snapshot.id,
                Sync.space_id == SyncSource.space_id,
                Sync.id == SyncSource.sync_id,
                ~_ENDED,
            )
        )
        await self._execute(delete(Snapshot).where(Snapshot.created_at < past, ~or_(*in_use)))

    async def export_destinations(
        self, activation_ids: Sequence[str]
    ) -> list[tuple[str, str, Destination]]:
        """Activation id, workspace id and account of those activations."""
        query = (
            select(Activation.id, Space.workspace_id, Destination)
            .join(Space, Space.id == Activation.space_id)
            .join(
                Destination,
                (Destination.space_id == Activation.space_id)
                & (Destination.id == Activation.destination_id),
            )
            .where(Activation.id.in_(activation_ids))
        )
        return [(row[0], row[1], row[2]) for row in (await self.session.execute(query)).all()]

    async def drop_old(self, model: Any, column: Any, age: timedelta) -> int:
        """Delete rows whose moment is older; how many."""
        return await self._execute(delete(model).where(column < func.clock_timestamp() - age))

    async def _execute(self, statement: Delete | Update) -> int:
        result = await self.session.execute(statement.execution_options(synchronize_session=False))
        return int(getattr(result, "rowcount", 0))
