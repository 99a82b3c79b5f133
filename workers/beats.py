"""What a worker process knows about its own heartbeat."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Beats:
    """The heartbeat of one worker process. Times are of the monotonic clock.

    The sweep rings for a heartbeat, the queue loop receives the job, and the job writes the heartbeat. ``unheard`` counts
    the seconds in which this process ran and a job that it rang for was not received.
    """

    started: float = field(default_factory=time.monotonic)
    written_at: float | None = None
    waiting: bool = False
    unheard: int = 0

    def rung(self) -> None:
        """Note a job in the queue that this process's queue loop has to receive."""
        self.waiting = True

    def heard(self) -> None:
        """Note that the queue loop received a job, or that it need not."""
        self.waiting, self.unheard = False, 0

    def progressed(self) -> None:
        """Note that the queue loop got a response of Redis: it is not deaf, whatever it still has to receive."""
        self.unheard = 0

    def written(self) -> None:
        """Note a heartbeat in the database."""
        self.written_at = time.monotonic()

    def pass_second(self) -> int:
        """Count one more second. Returns for how many the queue loop has not received its job.

        Seconds are counted, not measured: a process that was frozen has not waited.
        """
        self.unheard = self.unheard + 1 if self.waiting else 0
        return self.unheard

    def age(self) -> float:
        """Return the seconds since the last heartbeat, or since the start."""
        return time.monotonic() - (self.started if self.written_at is None else self.written_at)
