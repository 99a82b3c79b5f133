"""What the repository of batches takes and returns: claimed batches, results to record, and counts."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.retry import AttemptOutcome
from app.storage.models import Batch

#: A batch whose workers ended so often in a row may be the cause: it is sent while its worker has nothing else in hand.
SUSPECT = 2


@dataclass(frozen=True, slots=True)
class Claimed:
    """A batch that is claimed until its lease ends."""

    batch: Batch
    probing: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of a delivered batch: its receipts as JSON, and how many changes were not delivered."""

    batch: Batch
    receipts: str
    rejected: int
    skipped: int
    unknown: int
    http_status: int | None
    vendor_request_id: str | None
    outcome: str = AttemptOutcome.DELIVERED  # of the attempt
    error: str | None = None


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """Sums over the batches of a sync."""

    batches: int
    settled: int
    sending: int
    delivered: int
    rejected: int
    skipped: int
