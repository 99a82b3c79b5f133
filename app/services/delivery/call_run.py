"""One attempt at a batch of many calls: lanes make its calls, side by side, until none is left or none may be started."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from app.connectors.base import Call
from app.connectors.errors import BudgetSpent
from app.core import clock
from app.domain.call_progress import Range, calls_of, in_turn, left_calls
from app.domain.retry import Failure
from app.services.delivery.attempt import Ended, Sent, failed, send
from app.services.delivery.call_results import CallResults, read_results
from app.services.delivery.call_rows import CallRows
from app.services.delivery.loaded_sync import LoadedSync, prepared_call
from app.storage.repositories.batch_counts import Claimed

LONGEST = 10.0  # seconds: then no further call is started, so that others get their turn
#: Failures that concern all calls of the account, or of the activation. The worst one comes first.
_STOPS = (Failure.UNAUTHORIZED, Failure.MISCONFIGURED, Failure.MOVED, Failure.THROTTLED)
_SEVERITY = (*_STOPS, Failure.REFUSED, Failure.UNCONFIRMED, Failure.UNKNOWN, Failure.FAILED)


@dataclass(slots=True)
class CallRun:
    """The calls of a claimed batch. Nothing is written here: ``ended`` is recorded, and ``results`` while the calls go on."""

    loaded: LoadedSync
    claimed: Claimed
    may_start: Callable[[], bool]  # whether the pump permits another call
    lane_ended: Callable[[], None] = lambda: None
    results: CallResults = field(init=False)
    lanes: int = 0
    is_over: bool = False  # its last call has ended
    is_stopped: bool = False  # no further call is started
    is_lost: bool = False  # another worker may have the batch
    _left: deque[Range] = field(init=False)
    _rows: CallRows = field(init=False)
    _base: Call = field(init=False)
    _worst: Sent | None = None
    _until: float = math.inf
    _group: asyncio.TaskGroup | None = None
    _new: int = 0  # lanes that have not taken a call yet

    def __post_init__(self) -> None:
        batch = self.claimed.batch
        assert batch.call_rows is not None  # noqa: S101  the caller has looked
        self.results = read_results(batch)
        calls = calls_of(batch.row_count, batch.call_rows)
        left = left_calls(calls, self.results.progress)
        if not self.loaded.is_in_order(batch):
            left = in_turn(left, self.results.progress, batch.attempts)
        # A half-open breaker permits one call.
        self._left = deque(left[:1] if self.claimed.probing else left)
        self._rows = CallRows(self.loaded, batch)

    @property
    def more_lanes(self) -> int:
        """How many more calls could be made side by side."""
        if self._is_ending:
            return 0
        most = len(self._left) - self._new
        if self.loaded.is_in_order(self.claimed.batch):
            most = min(most, 1 - self.lanes)
        return max(0, most)

    def add_lanes(self, count: int) -> None:
        """Make ``count`` calls more side by side, as long as calls are left."""
        self.lanes += count
        self._new += count
        if self._group is not None:
            self._start(count)

    def _start(self, count: int) -> None:
        assert self._group is not None  # noqa: S101  it runs
        for _ in range(count):
            self._group.create_task(self._lane())

    async def run(self) -> Ended:
        """Make the calls. Returns how the attempt ended; its errors are results, so nothing else is raised."""
        try:
            self._base = self.loaded.call(self.claimed.batch, clock.now())
        except Exception as error:  # noqa: BLE001  see the docstring
            self.is_over = True
            return failed(self.loaded, self.claimed, error)
        self._until = asyncio.get_running_loop().time() + LONGEST
        async with asyncio.TaskGroup() as self._group:
            self._start(self.lanes)
        self.is_over = True
        return self._ended()

    async def _lane(self) -> None:
        self._new -= 1
        try:
            while (call := self._next()) is not None:
                self._note(call, await self._make(call))
        finally:
            self.lanes -= 1
            self.is_over |= self.lanes == 0
            self.lane_ended()

    def _next(self) -> Range | None:
        """Take the next call, if one may be started."""
        return self._left.popleft() if self._left and not self._is_ending else None

    @property
    def _is_ending(self) -> bool:
        """Whether no further call is started."""
        if self.is_over or self.is_stopped or self.is_lost or self.results.trips:
            return True
        return not self.may_start() or asyncio.get_running_loop().time() > self._until

    async def _make(self, call: Range) -> Ended:
        """Prepare and send one call. An error in either is its failure (R23)."""
        handle = self.results.progress.handles.get(call[0])
        try:
            source = await self._rows.of(call)
            prepared = prepared_call(self.loaded, self.claimed, self._call(call), source, handle)
        except Exception as error:  # noqa: BLE001  see the docstring
            return failed(self.loaded, self.claimed, error)
        return await send(prepared)

    def _call(self, call: Range) -> Call:
        batch, (first, end) = self.claimed.batch, call
        each = batch.call_rows or 1
        sync = self._base.sync_id
        return replace(
            self._base,
            # The key names the rows: a retry of the call has the same one, however far its batch has come.
            idempotency_key=f"{sync}-{batch.number}-{batch.first_row + first}-{end - first}",
            number=self._base.number + first // each,
            rows=end - first,
            attempted_at=clock.now(),
            repeats=batch.ambiguous or call in self.results.progress.unknown,
        )

    def _note(self, call: Range, ended: Ended) -> None:
        sent, results = ended.sent, self.results
        if sent.receipts is not None:
            results.confirm(call, sent.receipts)
        elif sent.pending is not None:
            results.leave(call, sent.pending.handle, sent.pending.check_after)
        elif isinstance(sent.error, BudgetSpent):
            self.is_stopped = True
            if sent.partly:
                results.progress.doubt(call)
            self._worst = self._worst or sent
        else:
            assert sent.failure is not None  # noqa: S101  it has no other end
            results.fail(call, sent.failure, sent.at_last, partly=sent.partly)
            self.is_stopped |= sent.failure in _STOPS
            self._worst = _worse(self._worst, sent)

    def _ended(self) -> Ended:
        sent = self._worst or Sent()
        return Ended(self.loaded, self.claimed, sent, self.results)


def _worse(known: Sent | None, other: Sent) -> Sent:
    """Return the failure that has consequences."""
    if known is None or known.failure is None or isinstance(known.error, BudgetSpent):
        return other
    assert other.failure is not None  # noqa: S101  the caller has looked
    return min(known, other, key=lambda sent: _SEVERITY.index(sent.failure or Failure.FAILED))
