"""Batches that a pump has, and how the calls that it may make are shared out among them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.core.config import Settings
from app.services.delivery.call_run import CallRun
from app.services.delivery.claim_limits import without_reserve
from app.services.delivery.loaded_sync import LoadedSync
from app.storage.repositories.batch_counts import Claimed


@dataclass(slots=True)
class Held:
    """A claimed batch of a pump: waiting to be started, or in flight."""

    claimed: Claimed
    loaded: LoadedSync
    deadline: float  # monotonic: until then the lease certainly lasts
    task: asyncio.Task[None] | None = None
    run: CallRun | None = None  # of a batch of many calls

    @property
    def batch_id(self) -> tuple[str, str, int]:
        """Space, sync and number of the batch."""
        batch = self.claimed.batch
        return (batch.space_id, batch.sync_id, batch.number)

    @property
    def account(self) -> str:
        """Id of the destination."""
        return self.loaded.sync.destination_id

    @property
    def is_resync(self) -> bool:
        """Whether other syncs go first."""
        return self.loaded.sync.kind == "resync"

    @property
    def lanes(self) -> int:
        """Number of calls that are made side by side."""
        return self.run.lanes if self.run else int(self.task is not None)

    @property
    def more_lanes(self) -> int:
        """Number of calls that could be made besides those in flight.

        A batch that waits is one at least: if no call of it may start, it is begun to be put back.
        """
        waits = int(self.task is None)
        return max(waits, self.run.more_lanes) if self.run else waits


def share_out(
    settings: Settings,
    limit_of: Callable[[str], int],
    flying: Sequence[Held],
    waiting: Iterable[Held],
) -> Iterator[tuple[Held, int]]:
    """Yield batches with the number of calls that each may make in addition, within the limits in all and per account.

    ``limit_of`` returns how many calls to an account may be in flight.
    Those in flight come first, then those that wait, in the order of claiming; resyncs come last.
    """
    load = Counter({"": 0})
    for item in flying:
        load[item.account] += item.lanes
    for item in sorted([*flying, *waiting], key=lambda held: held.is_resync):
        slots = settings.delivery_concurrency
        of_account = limit_of(item.account)
        if item.is_resync:
            slots, of_account = without_reserve(slots), without_reserve(of_account)
        room = min(slots - load.total(), of_account - load[item.account], item.more_lanes)
        if room > 0:
            load[item.account] += room
            yield item, room


def weights(
    limit_of: Callable[[str], int], held: Iterable[Held]
) -> Iterator[tuple[str, bool, int]]:
    """Yield account, whether it is a resync, and the calls of each batch. A batch of many calls counts as a full account."""
    for item in held:
        most = limit_of(item.account)
        yield item.account, item.is_resync, max(1, min(most, item.lanes + item.more_lanes))
