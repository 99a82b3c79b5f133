"""Why the demo cannot go on."""

from __future__ import annotations


class DemoFailed(Exception):
    """The message is a whole sentence for whoever started the demo."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
