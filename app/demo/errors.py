"""The error of the demo."""

from __future__ import annotations


class DemoFailed(Exception):
    """The demo cannot continue. The message is a complete sentence for the user."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
