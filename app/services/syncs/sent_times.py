"""When members were last sent: a partner may show only some minutes later what it has accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.changes import ChangeKind, Held
from app.snapshots.engine import PlannedChange
from app.storage.models import Sync
from app.storage.repositories.left_calls import LeftCallQueries
from app.storage.repositories.syncs import SyncRepository

_KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SentTimes:
    """The recent syncs of an activation by number, and when the last call of each ended."""

    by_sync: Mapping[int, datetime] = field(default_factory=dict)
    calls_left: bool = False  # the partner may still apply calls of earlier syncs

    def of(self, change: PlannedChange) -> datetime | None:
        """Return when the member of an exit was last sent, None if that was not within the last hour.

        A key that is ``maybe`` may have been sent by any call whose result was unknown. While such a call is left with
        the partner, the key stays ``maybe`` anyway.
        """
        if change.kind is not ChangeKind.EXITED:
            return None
        if change.old_held == Held.MAYBE:
            return None if self.calls_left else max(self.by_sync.values(), default=None)
        return None if change.old_sync is None else self.by_sync.get(change.old_sync)


async def read_sent_times(session: AsyncSession, sync: Sync) -> SentTimes:
    """Read when members were sent before a sync."""
    by_sync = await SyncRepository(session).sent_before(sync, _KEPT)
    left = await LeftCallQueries(session).of_activation(sync.space_id, sync.activation_id)
    return SentTimes(by_sync, bool(left))
