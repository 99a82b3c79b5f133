"""How far a batch has come, as the JSON that is kept with it between calls."""

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
    """Position among the batch's deliveries, the job that runs, and what is known of single members."""

    next: int = 0  # the first delivery that has not been sent
    rows: int | None = None  # fewer at once, after an answer 413
    job: str | None = None
    upto: int = 0  # the delivery after the last of the running job
    polls: int = 0
    restarts: int = 0
    searched: int = 0  # searches done for the removal that is being made ready
    found: list[str] = field(default_factory=list)  # and the ids that they gave
    rejected: dict[str, list[str | None]] = field(default_factory=dict)
    partner_ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, handle: Mapping[str, Any]) -> Progress:
        """From a stored handle."""
        return cls(**handle)

    def reject(self, index: int, refusal: Refusal) -> None:
        """Note a refused member."""
        self.rejected[str(index)] = [refusal.code, refusal.message, refusal.pointer]

    def pending(self, wait: float) -> Pending:
        """Come back after so many seconds."""
        return Pending(asdict(self), timedelta(seconds=wait))

    def throttled(self, error: Throttled) -> Pending:
        """Keep what was done and go on when the partner takes calls again."""
        wait = error.retry_after.total_seconds() if error.retry_after is not None else FIRST_WAIT
        return self.pending(wait)

    def waiting(self) -> Pending:
        """Come back to ask for the job again: after 1 s, then twice as long each time, at most 30 s."""
        wait = min(FIRST_WAIT * 2**self.polls, LONGEST_WAIT)
        self.polls += 1
        return self.pending(wait)

    def receipts(self, skipped: Mapping[int, Refusal]) -> Receipts:
        """What became of the batch."""
        return Receipts(
            rejected={
                int(index): Refusal(str(code), str(message), pointer)
                for index, (code, message, pointer) in self.rejected.items()
            },
            skipped=skipped,
            partner_ids={int(index): value for index, value in self.partner_ids.items()},
        )
