"""The protocol of an emulator."""

from __future__ import annotations

from typing import Any, Protocol

from app.sandbox.server import Request, Response


class Service(Protocol):
    """One emulated partner."""

    name: str
    title: str  # of the partner, for people
    lists_title: str  # what the partner calls its lists
    settings_hint: str  # what a destination needs besides the URL
    refused: dict[str, str]  # {id: reason} of the members that it refuses on request

    @property
    def violations(self) -> list[Any]:
        """The first requests that break the partner's documents: texts, or ``{"request", "fault"}``."""

    def handle(self, request: Request) -> Response:
        """Respond to one request of a client."""

    def control(self, method: str, path: list[str], request: Request) -> Response | None:
        """Carry out an emulator's control operation below ``/_control/{name}/``. Returns None if there is none."""

    def lists(self) -> list[dict[str, Any]]:
        """Return its lists (audiences, groups): ``[{"id", "name", "members"}]`` with further fields."""

    def members(self, list_id: str) -> list[dict[str, Any]] | None:
        """Return the members of one list: ``[{"id"}]`` with further fields, or None if there is no such list."""

    def stats(self) -> dict[str, Any]:
        """Return the counters as ``{name: value}``."""

    def reset(self) -> None:
        """Delete everything except the configuration."""
