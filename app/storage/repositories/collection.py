"""What rows still name, for the collector: keys of files, and rows that have outlived their use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import (
    Activation,
    Attempt,
    Batch,
    Dataset,
    Destination,
    Run,
    Snapshot,
    Space,
    Sync,
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
        for supplied in await self.session.scalars(select(Run.input).where(Run.input.is_not(None))):
            keys.add((supplied or {})["file"]["key"])
        return keys

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
        result = await self.session.execute(
            delete(model)
            .where(column < func.clock_timestamp() - age)
            .execution_options(synchronize_session=False)
        )
        return int(getattr(result, "rowcount", 0))

    async def drop_old_attempts(self, age: timedelta) -> int:
        """Attempts are kept for a while to explain what happened."""
        return await self.drop_old(Attempt, Attempt.started_at, age)
