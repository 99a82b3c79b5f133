"""Fixed windows of time in which a partner counts requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Window:
    """A limit of requests per window. Windows start at multiples of ``seconds`` since the epoch."""

    limit: int
    seconds: float
    clock: Callable[[], float] = time.time
    start: float = 0.0
    used: int = 0

    def roll(self) -> None:
        """Start a new window if the current one is over."""
        now = self.clock()
        if now - self.start >= self.seconds or now < self.start:
            self.start = now - now % self.seconds
            self.used = 0

    @property
    def full(self) -> bool:
        """Whether the window's limit is used up."""
        self.roll()
        return self.used >= self.limit

    @property
    def remaining(self) -> int:
        """The remaining requests in the window."""
        self.roll()
        return max(0, self.limit - self.used)

    @property
    def reset(self) -> float:
        """The seconds until the next window."""
        self.roll()
        return self.start + self.seconds - self.clock()


def take(windows: list[Window]) -> Window | None:
    """Count one request in all windows. If a window is full, counts nothing and returns that window."""
    for window in windows:
        if window.full:
            return window
    for window in windows:
        window.used += 1
    return None
