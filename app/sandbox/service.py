"""What an emulator must offer to stand in the sandbox."""

from __future__ import annotations

from typing import Any, Protocol

from app.sandbox.server import Answer, Request


class Service(Protocol):
    """One emulated partner."""

    name: str

    def handle(self, request: Request) -> Answer:
        """Answer one request of a client."""

    def control(self, method: str, path: list[str], request: Request) -> Answer | None:
        """The emulator's own control operations, below ``/_control/{name}/``; None where there is none such."""

    def lists(self) -> list[dict[str, Any]]:
        """The lists (audiences, groups) that it holds: ``id``, ``name``, ``members`` and what else it knows."""

    def members(self, list_id: str) -> list[dict[str, Any]] | None:
        """The members of one list, each with an ``id``; None where there is no such list."""

    def stats(self) -> dict[str, Any]:
        """Counters."""

    def reset(self) -> None:
        """Forget everything but the configuration."""
