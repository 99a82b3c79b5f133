"""The progress of a pending call, as the JSON handle that is stored with the batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from app.connectors.base import Pending, Receipts, Refusal
from app.connectors.errors import Throttled

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0


@dataclass(slots=True)
class Progress:
    """The position among the deliveries, the running job, and the results of single members."""

    next: int = 0  # the first delivery that was not sent
    rows: int | None = None  # lowered after a response 413
    job: str | None = None
    upto: int = 0  # the delivery after the last of the running job
    polls: int = 0
    restarts: int = 0
    searched: int = 0  # searches done for the next removal
    found: list[str] = field(default_factory=list)  # the ids that they returned
    rejected: dict[str, list[str | None]] = field(default_factory=dict)
    partner_ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, handle: Mapping[str, Any]) -> Progress:
        """Read a stored handle."""
        return cls(**handle)

    def reject(self, index: int, refusal: Refusal) -> None:
        """Record a refused member."""
        self.rejected[str(index)] = [refusal.code, refusal.message, refusal.pointer]

    def pending(self, wait: float) -> Pending:
        """Return the handle, to be resumed after ``wait`` seconds."""
        return Pending(asdict(self), timedelta(seconds=wait))

    def throttled(self, error: Throttled) -> Pending:
        """Return the handle, to be resumed when the partner accepts calls again."""
        wait = error.retry_after.total_seconds() if error.retry_after is not None else FIRST_WAIT
        return self.pending(wait)

    def waiting(self) -> Pending:
        """Return the handle, to poll the job again: after 1 s, then with exponential backoff, at most 30 s."""
        wait = min(FIRST_WAIT * 2**self.polls, LONGEST_WAIT)
        self.polls += 1
        return self.pending(wait)

    def receipts(self, skipped: Mapping[int, Refusal]) -> Receipts:
        """Return the receipts of the call."""
        return Receipts(
            rejected={
                int(index): Refusal(str(code), str(message), pointer)
                for index, (code, message, pointer) in self.rejected.items()
            },
            skipped=skipped,
            partner_ids={int(index): value for index, value in self.partner_ids.items()},
        )
