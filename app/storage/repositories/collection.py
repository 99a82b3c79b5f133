"""Reads of the collector: which files are still referred to, and by what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.domain.batch_states import BatchState
from app.domain.run_states import RunState
from app.domain.sync_states import ASIDE_KINDS, FINAL_STATES
from app.storage.models import (
    Activation,
    Audience,
    Batch,
    Dataset,
    DatasetContent,
    Destination,
    Run,
    Snapshot,
    Space,
    Sync,
)
from app.storage.repositories.base import Reader
from app.storage.repositories.thinning import is_followed, is_of_day
from app.storage.session import read_as_of_one_moment


class CollectionQueries(Reader):
    """Reads across all tables that refer to files."""

    async def named_keys(self) -> set[str]:
        """Return the keys of all files that a row refers to, as of one moment. Must be the first read of a transaction.

        A file moves from row to row: from a run to its snapshot, from a sync to the holdings, from a former content to the dataset.
        """
        await read_as_of_one_moment(self.session)
        keys: set[str] = set()
        for space_id, audience_id in await self.session.execute(
            select(Audience.space_id, Audience.id)
        ):
            where = (Snapshot.space_id == space_id, Snapshot.audience_id == audience_id)
            keys.update(await self.session.scalars(_keys_in(Snapshot.manifest, *where)))
        keys.update(await self.session.scalars(_keys_in(Activation.holdings)))
        files = (Dataset.file, DatasetContent.file, Sync.plan, Sync.outcome, Batch.receipts_file)
        for column in files:
            keys.update(await self.session.scalars(_keys_of(column)))
        # The rows of a complete run are in its snapshot.
        unread = select(Run.input).where(Run.input.is_not(None), Run.state != RunState.COMPLETE)
        for supplied in await self.session.scalars(unread):
            keys.add((supplied or {})["file"]["key"])
        return keys

    async def spaces(self) -> set[str]:
        """Return the ids of all spaces."""
        return set(await self.session.scalars(select(Space.id)))

    async def old_syncs(self, age: timedelta, limit: int) -> Sequence[tuple[str, str]]:
        """Return space and id of syncs that ended longer than ``age`` ago and still refer to files."""
        query = (
            select(Sync.space_id, Sync.id)
            .where(
                *_with_files(Sync),
                Sync.finished_at < func.now() - age,
            )
            .limit(limit)
        )
        return [(row[0], row[1]) for row in await self.session.execute(query)]

    async def followed_syncs(self, age: timedelta, limit: int) -> Sequence[tuple[str, str]]:
        """Return space and id of ended syncs with files that are followed by another of the same hour or day.

        A dry run or test send does not follow a sync: the plan of what was sent is kept.
        Only those of one day are read, which is the one before ``age`` ago. A sync whose calls the partner may still apply is left out.
        """
        later = aliased(Sync)
        following = (
            select(later.finished_at)
            .where(
                later.space_id == Sync.space_id,
                later.activation_id == Sync.activation_id,
                later.number > Sync.number,
                *_with_files(later),
                or_(Sync.kind.in_(ASIDE_KINDS), later.kind.not_in(ASIDE_KINDS)),
            )
            .order_by(later.number)
            .limit(1)
            .scalar_subquery()
        )
        left = exists().where(
            Batch.space_id == Sync.space_id,
            Batch.sync_id == Sync.id,
            Batch.state != BatchState.RECORDED,
            Batch.continuation.is_not(None),
        )
        query = (
            select(Sync.space_id, Sync.id)
            .where(
                *_with_files(Sync),
                is_of_day(Sync.finished_at.expression, age),
                is_followed(Sync.finished_at.expression, following),
                ~left,
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


def _with_files(sync: Any) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a sync has ended and still refers to files, as the index ``ix_sync_files`` has them."""
    return sync.state.in_(FINAL_STATES), or_(sync.plan.is_not(None), sync.outcome.is_not(None))


def _keys_of(file: InstrumentedAttribute[Any]) -> Select[str]:
    return select(file["key"].as_string()).where(file.is_not(None))


def _keys_in(manifest: InstrumentedAttribute[Any], *where: ColumnElement[bool]) -> Select[str]:
    """Select the keys in manifests. PostgreSQL takes them out: with many snapshots, most manifests name the same files."""
    both = manifest["base"].op("||", return_type=JSONB())(manifest["deltas"])
    files = select(func.jsonb_array_elements(both, type_=JSONB()).label("file"))
    listed = files.where(manifest.is_not(None), *where).subquery()
    return select(listed.c.file["key"].as_string()).distinct()
