"""What rows still name, for the collector: keys of files, and rows that have outlived their use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Delete, Update, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import (
    Activation,
    Attempt,
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
        unread = select(Run.input).where(Run.input.is_not(None), Run.state != "complete")
        for supplied in await self.session.scalars(unread):
            keys.add((supplied or {})["file"]["key"])
        return keys

    async def forget_history(self, age: timedelta) -> None:
        """Let go of what only tells how things went: old snapshots that nothing uses, plans, outcomes, batches.

        Rows of runs and syncs stay, with their counts.
        """
        past = func.clock_timestamp() - age
        ended = Sync.state.in_(("complete", "failed", "cancelled", "superseded"))
        old = ended & (Sync.finished_at < past)
        files = or_(Sync.plan.is_not(None), Sync.outcome.is_not(None))
        await self._execute(update(Sync).where(old, files).values(plan=None, outcome=None))
        of_old = exists().where(Sync.space_id == Batch.space_id, Sync.id == Batch.sync_id, old)
        await self._execute(delete(Batch).where(of_old))
        await self.drop_old(Attempt, Attempt.started_at, age)
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
                ~ended,
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
