"""Fixed windows of time in which a partner counts calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Window:
    """At most ``limit`` calls in each window of ``seconds``; windows begin at whole multiples, as on a clock."""

    limit: int
    seconds: float
    clock: Callable[[], float] = time.time
    start: float = 0.0
    used: int = 0

    def roll(self) -> None:
        """Begin a new window where the old one is over."""
        now = self.clock()
        if now - self.start >= self.seconds or now < self.start:
            self.start = now - now % self.seconds
            self.used = 0

    @property
    def full(self) -> bool:
        """Whether no call is left."""
        self.roll()
        return self.used >= self.limit

    @property
    def remaining(self) -> int:
        """Calls that are left."""
        self.roll()
        return max(0, self.limit - self.used)

    @property
    def reset(self) -> float:
        """Seconds until the next window."""
        self.roll()
        return self.start + self.seconds - self.clock()


def take(windows: list[Window]) -> Window | None:
    """Count one call in all windows; the one that is full where there is such, and then nothing is counted."""
    for window in windows:
        if window.full:
            return window
    for window in windows:
        window.used += 1
    return None
