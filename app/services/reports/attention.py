"""The summary of a space: what needs attention, what was delivered in the last day, and what is due next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import Position
from app.domain.activation_states import ActivationState
from app.storage.models import Destination
from app.storage.repositories.attention import (
    AttentionQueries,
    FailedRun,
    HeldSync,
    LateAudience,
    NextDue,
)
from app.storage.repositories.overview import FinishedSend, Overview, OverviewQueries, Sought
from app.storage.repositories.sync_log import SyncLogQueries
from app.storage.repositories.workers import WorkerRepository

__all__ = [
    "FailedRun",
    "FinishedSend",
    "HeldSync",
    "LateAudience",
    "NextDue",
    "SpaceSummary",
    "space_summary",
]

MOST = 20  # entries of each list
LATE_AFTER = timedelta(minutes=15)
_NEXT = 5
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SpaceSummary:
    """The state of a space. Each list has at most 20 entries; ``late`` has audiences whose recompute is due for 15 minutes."""

    on_hold: Sequence[HeldSync]
    in_error: Sequence[Overview]
    failed_runs: Sequence[FailedRun]
    paused_accounts: Sequence[Destination]
    late: Sequence[LateAudience]
    next_due: Sequence[NextDue]
    finished: Sequence[FinishedSend]  # the newest first
    activations: dict[str, int]  # by activity
    workers: int
    delivered: int  # in the last 24 hours
    rejected: int

    @property
    def needs_attention(self) -> bool:
        """Whether any list of problems has an entry, or no worker is live."""
        lists = (self.on_hold, self.in_error, self.failed_runs, self.paused_accounts, self.late)
        return any(lists) or self.workers == 0


async def space_summary(session: AsyncSession, space_id: str) -> SpaceSummary:
    """Read the summary of a space."""
    queries, overview = AttentionQueries(session), OverviewQueries(session)
    delivered, rejected = await SyncLogQueries(session).totals(space_id, _DAY)
    in_error = Sought(state=ActivationState.ERROR)
    return SpaceSummary(
        on_hold=await queries.on_hold(space_id, MOST),
        in_error=await overview.walk(space_id, in_error, Position(), MOST),
        failed_runs=await queries.failed_runs(space_id, MOST),
        paused_accounts=await queries.paused_accounts(space_id, MOST),
        late=await queries.late(space_id, LATE_AFTER, MOST),
        next_due=await queries.next_due(space_id, _NEXT),
        finished=await overview.finished(space_id, _NEXT),
        activations=await overview.count_each(space_id, Sought()),
        workers=await WorkerRepository(session).live(),
        delivered=delivered,
        rejected=rejected,
    )
