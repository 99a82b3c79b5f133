"""What a signal does while a command starts."""

from __future__ import annotations

import signal
import sys

_received: list[int] = []


def end_cleanly_when_asked() -> None:
    """Let SIGTERM and SIGINT end this process with code 0, as after a complete start. Everything that was opened is closed."""
    signal.signal(signal.SIGTERM, _end_cleanly)
    signal.signal(signal.SIGINT, _end_cleanly)


def was_asked_to_end() -> bool:
    """Return whether such a signal came. What it interrupted, such as an event loop, may raise an error of its own."""
    return bool(_received)


def _end_cleanly(number: int, _frame: object) -> None:
    _received.append(number)
    sys.exit(0)
