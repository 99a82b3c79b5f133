"""Results of the calls of a batch of many calls: what this attempt found, and the receipts of all attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from app.connectors.base import Receipts
from app.core.storable import storable_json
from app.domain import retry
from app.domain.call_progress import CallProgress, Range, read_progress
from app.domain.retry import Failure
from app.services.delivery.receipts import receipts_to_json
from app.storage.models import Batch
from app.storage.repositories.batch_counts import CallCounts, Kept, Recorded


@dataclass(slots=True)
class CallResults:
    """What became of the calls of a batch. Rows are counted from the first row of the batch.

    ``last_words``: of calls that were refused as a whole or not confirmed, the receipts with which they end after three tries.
    """

    batch: Batch
    progress: CallProgress
    receipts: dict[str, Any]  # in the form of ``receipts_to_json``
    calls: int = 0
    delivered: int = 0
    failed: int = 0  # as the circuit breaker counts (R22)
    refused_first: int = 0  # calls that were refused for the first time
    passed_after: int = 0  # calls that were confirmed after that
    last_words: dict[Range, Receipts] = field(default_factory=dict)
    wait: timedelta = timedelta(0)  # until the partner has worked on what it accepted
    http_status: int | None = None
    vendor_request_id: str | None = None
    doubts: int = 0  # calls that may have arrived
    doubts_kept: int = 0  # of which this many are recorded

    def confirm(self, call: Range, receipts: Receipts) -> None:
        """Note the receipts of a call."""
        self.calls += 1
        self.delivered += 1
        self.passed_after += self.refused_first > 0
        self.progress.fruitful = self.batch.attempts
        self.http_status = receipts.http_status
        self.vendor_request_id = receipts.vendor_request_id
        self.end(call, receipts)

    def end(self, call: Range, receipts: Receipts) -> None:
        """Note the receipts with which a call ends, confirmed or not."""
        self.progress.finish(call)
        self.last_words.pop(call, None)
        found = receipts_to_json(receipts)
        if found:
            _merge(self.receipts, found, call[0])

    def leave(self, call: Range, handle: Mapping[str, Any], wait: timedelta) -> None:
        """Note that the partner works on a call."""
        self.calls += 1
        self.progress.doubt(call)
        self.progress.handles[call[0]] = handle
        self.wait = max(self.wait, wait)

    def fail(self, call: Range, failure: Failure, last: Receipts | None, *, partly: bool) -> None:
        """Note that a call failed. ``last``: the receipts with which it ends if it fails so three times."""
        self.calls += 1
        self.failed += failure in (Failure.UNKNOWN, Failure.FAILED)
        in_doubt = failure in (Failure.UNKNOWN, Failure.UNCONFIRMED)
        self.doubts += in_doubt
        if in_doubt or partly:
            self.progress.doubt(call)
        if failure in (Failure.REFUSED, Failure.UNCONFIRMED):
            tries = self.progress.refusals.get(call[0], 0) + 1
            self.progress.refusals[call[0]] = tries
            self.refused_first += tries == 1 and failure is Failure.REFUSED
            if last is not None:
                self.last_words[call] = last

    @property
    def is_complete(self) -> bool:
        """Whether each call of the batch has receipts."""
        return self.progress.rows_done == self.batch.row_count

    @property
    def trips(self) -> bool:
        """Whether so many calls failed that no further one is made."""
        return retry.breaker_trips(self.calls, self.calls - self.delivered)

    @property
    def is_mixed(self) -> bool:
        """Whether the refused calls are the cause of their refusal: others passed at the same time."""
        return self.passed_after > self.refused_first if self.refused_first else self.progress.mixed

    def kept(self) -> Kept:
        """Return what is written while the calls go on."""
        return Kept(
            batch=self.batch,
            progress=storable_json(self.progress.to_json()),
            receipts=storable_json(self.receipts),
            **self._sums(),
            is_unknown=self.doubts > self.doubts_kept,
        )

    def put_back_values(self) -> dict[str, Any]:
        """Return the columns of a batch that waits with its progress: ``{column: value}``."""
        self.progress.mixed = self.is_mixed
        return {"progress": self.progress.to_json(), "receipts": self.receipts, **self._sums()}

    def recorded(self, attempt: Mapping[str, Any] | None = None) -> Recorded:
        """Return what is written of the batch after its last call. ``attempt``: columns of the attempt, if it failed."""
        rejected, skipped, unknown = self._counts()
        return Recorded(
            batch=self.batch,
            receipts=storable_json(self.receipts),
            rejected=rejected,
            skipped=skipped,
            unknown=unknown,
            counts=self.counts(),
            **(attempt or self._facts()),
        )

    def _facts(self) -> dict[str, Any]:
        return {"http_status": self.http_status, "vendor_request_id": self.vendor_request_id}

    def counts(self) -> CallCounts:
        """Return how the calls of this attempt ended."""
        return CallCounts(self.calls, self.delivered, self.failed)

    def _sums(self) -> dict[str, int]:
        """Return how many rows ended in which way so far."""
        rejected, skipped, unknown = self._counts()
        delivered = self.progress.rows_done - rejected - skipped - unknown
        return {"delivered": delivered, "rejected": rejected, "skipped": skipped}

    def _counts(self) -> tuple[int, int, int]:
        parts = ("rejected", "skipped", "unknown")
        rejected, skipped, unknown = (len(self.receipts.get(part, ())) for part in parts)
        return rejected, skipped, unknown


def read_results(batch: Batch) -> CallResults:
    """Return the results of a claimed batch, before the first call of this attempt."""
    return CallResults(batch, read_progress(batch.progress), dict(batch.receipts or {}))


def _merge(kept: dict[str, Any], found: Mapping[str, Any], first: int) -> None:
    """Add the receipts of the call that begins at row ``first`` to those of its batch."""
    for name, part in found.items():
        if isinstance(part, Mapping):
            moved = {str(int(index) + first): one for index, one in part.items()}
            kept[name] = {**kept.get(name, {}), **moved}
        elif name == "filled":
            kept[name] = _with_names(kept.get(name, []), part, first)
        else:
            kept[name] = [*kept.get(name, ()), *part]


def _with_names(kept: list[Any], found: list[Any], first: int) -> list[Any]:
    """Add ``[{names, indexes}]`` of a call: changes with equal names are one entry."""
    groups = {tuple(one["names"]): list(one["indexes"]) for one in kept}
    for one in found:
        moved = [index + first for index in one["indexes"]]
        groups.setdefault(tuple(one["names"]), []).extend(moved)
    return [{"names": list(names), "indexes": indexes} for names, indexes in groups.items()]
