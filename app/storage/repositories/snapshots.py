"""Snapshots: the stored memberships of an audience."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import aliased

from app.domain.sync_states import FINAL_STATES
from app.storage.models import Audience, Snapshot, Sync, SyncSource
from app.storage.repositories.base import Repository
from app.storage.repositories.thinning import is_followed, is_of_day

MOST = 20_000  # deleted at once, well within the time limit of a statement


class SnapshotRepository(Repository[Snapshot]):
    """Table ``snapshot``."""

    model = Snapshot
    noun = "snapshot"
    key = (Snapshot.space_id, Snapshot.id)
    parent = (Snapshot.space_id, Snapshot.audience_id)

    async def newest(
        self, space_id: str, audience_id: str, *, before: int | None, limit: int
    ) -> Sequence[Snapshot]:
        """Read snapshots of an audience with versions below ``before``, newest first."""
        return await self._newest(
            space_id, audience_id, column=Snapshot.version, before=before, limit=limit
        )

    async def moments(self, space_id: str, snapshot_ids: Sequence[str]) -> dict[str, datetime]:
        """Return the times as of which snapshots were computed: ``{id: time}``."""
        query = select(Snapshot.id, Snapshot.as_of).where(
            Snapshot.space_id == space_id, Snapshot.id.in_(snapshot_ids)
        )
        return {row[0]: row[1] for row in await self._rows(query)}

    async def forget_unused(self, age: timedelta, most: int = MOST) -> int:
        """Delete up to ``most`` snapshots older than ``age`` that no audience reads and no open sync has pinned. Returns their number."""
        past = func.now() - age
        old = select(Snapshot.space_id, Snapshot.id).where(
            Snapshot.created_at < past, ~_is_in_use()
        )
        return await self._delete_unused(old.limit(most))

    async def thin_out(self, age: timedelta, most: int) -> int:
        """Delete up to ``most`` snapshots that are followed by another of the same hour or day, if they are not in use.

        Only those of one day are read, which is the one before ``age`` ago. Returns their number.
        """
        later = aliased(Snapshot)
        following = (
            select(later.created_at)
            .where(
                later.space_id == Snapshot.space_id,
                later.audience_id == Snapshot.audience_id,
                later.version > Snapshot.version,
            )
            .order_by(later.version)
            .limit(1)
            .scalar_subquery()
        )
        some = (
            select(Snapshot.space_id, Snapshot.id)
            .where(
                is_of_day(Snapshot.created_at.expression, age),
                is_followed(Snapshot.created_at.expression, following),
                ~_is_in_use(),
            )
            .limit(most)
        )
        return await self._delete_unused(some)

    async def _delete_unused(self, unused: Select[str, str]) -> int:
        """Delete snapshots that are still not in use after they are locked. Returns their number.

        A transaction that pins a snapshot locks its row before (:meth:`require_in` with ``keep``). A row that is locked is
        skipped. A pin that was committed before the lock is seen by the second statement, which has a newer view.
        """
        found = await self._rows(unused, "remove", of=Snapshot, skip_locked=True)
        spaces, ids = zip(*found, strict=True) if found else ((), ())
        texts = ARRAY(Text())
        locked = select(
            func.unnest(literal(list(spaces), texts)), func.unnest(literal(list(ids), texts))
        )
        return await self._write(
            delete(Snapshot).where(
                tuple_(Snapshot.space_id, Snapshot.id).in_(locked), ~_is_in_use()
            )
        )

    async def delete_all(self, space_id: str, audience_id: str) -> None:
        """Delete all snapshots of an audience."""
        await self._write(
            delete(Snapshot).where(
                Snapshot.space_id == space_id, Snapshot.audience_id == audience_id
            )
        )


def _is_in_use() -> ColumnElement[bool]:
    """Return the condition that an audience reads a snapshot, or that an open sync has pinned it."""
    read = [
        exists().where(Audience.space_id == Snapshot.space_id, column == Snapshot.id)
        for column in (Audience.current_snapshot_id, Audience.pinned_snapshot_id)
    ]
    pinned = exists().where(
        SyncSource.space_id == Snapshot.space_id,
        SyncSource.snapshot_id == Snapshot.id,
        Sync.space_id == SyncSource.space_id,
        Sync.id == SyncSource.sync_id,
        ~Sync.state.in_(FINAL_STATES),
    )
    return or_(*read, pinned)
