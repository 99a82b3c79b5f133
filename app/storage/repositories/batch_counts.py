"""What the repository of batches takes and returns: claimed batches, results to record, and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
class CallCounts:
    """How the calls of one attempt at a batch of many calls ended. The breaker counts those that ``failed`` (R22)."""

    calls: int
    delivered: int
    failed: int

    def columns(self) -> dict[str, int]:
        """Return the columns of the attempt: ``{column: value}``."""
        return {
            "calls": self.calls,
            "calls_delivered": self.delivered,
            "calls_failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """The progress of a batch whose calls go on: as JSON, with the receipts until now."""

    batch: Batch
    progress: str
    receipts: str
    delivered: int
    rejected: int
    skipped: int
    is_unknown: bool  # a call that ended since the last record may have arrived


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
    counts: CallCounts | None = None  # None: the batch was one call


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """Sums over the batches of a sync."""

    batches: int
    settled: int
    sending: int
    delivered: int
    rejected: int
    skipped: int


def call_columns(recorded: Sequence[Recorded]) -> dict[str, Any]:
    """Return the counts of calls as columns, ``{"calls": [...], ...}``. Those of a batch that was one call are null."""
    counts = [item.counts for item in recorded]
    return {
        "calls": [one.calls if one else None for one in counts],
        "delivered": [one.delivered if one else None for one in counts],
        "failed": [one.failed if one else None for one in counts],
    }


def batch_columns(batches: Sequence[Batch]) -> dict[str, Any]:
    """Return the keys and lease tokens of batches as columns: ``{"space_ids": [...], ...}``."""
    return {
        "space_ids": [batch.space_id for batch in batches],
        "sync_ids": [batch.sync_id for batch in batches],
        "numbers": [batch.number for batch in batches],
        "tokens": [batch.lease_token for batch in batches],
    }
