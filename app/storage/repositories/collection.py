"""Reads of the collector: which files are still referred to, and by what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, or_, select

from app.domain.run_states import RunState
from app.domain.sync_states import FINAL_STATES
from app.storage.models import Activation, Batch, Dataset, Destination, Run, Snapshot, Space, Sync
from app.storage.repositories.base import Reader


class CollectionQueries(Reader):
    """Reads across all tables that refer to files."""

    async def named_keys(self) -> set[str]:
        """Return the keys of all files that a row refers to."""
        keys: set[str] = set()
        for column in (Snapshot.manifest, Activation.holdings):
            for manifest in await self.session.scalars(select(column).where(column.is_not(None))):
                for part in ("base", "deltas"):
                    keys.update(file["key"] for file in (manifest or {}).get(part, ()))
        for column in (Dataset.file, Sync.plan, Sync.outcome, Batch.receipts_file):
            for file in await self.session.scalars(select(column).where(column.is_not(None))):
                keys.add((file or {})["key"])
        # The rows of a complete run are in its snapshot.
        unread = select(Run.input).where(Run.input.is_not(None), Run.state != RunState.COMPLETE)
        for supplied in await self.session.scalars(unread):
            keys.add((supplied or {})["file"]["key"])
        return keys

    async def old_syncs(self, age: timedelta, limit: int) -> Sequence[tuple[str, str]]:
        """Return space and id of syncs that ended longer than ``age`` ago and still refer to files."""
        query = (
            select(Sync.space_id, Sync.id)
            .where(
                Sync.state.in_(FINAL_STATES),
                Sync.finished_at < func.clock_timestamp() - age,
                or_(Sync.plan.is_not(None), Sync.outcome.is_not(None)),
            )
            .limit(limit)
        )
        return [(row[0], row[1]) for row in await self.session.execute(query)]

    async def export_destinations(
        self, activation_ids: Sequence[str]
    ) -> list[tuple[str, str, Destination]]:
        """Return the id, workspace id and destination of each of these activations."""
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
