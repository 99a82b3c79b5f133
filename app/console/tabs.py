"""Tabs of a page about one thing, and the routes of the page and of its actions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from app.console.errors import PageRoute
from app.console.routing import Action, Page, get, post
from app.console.visits import Visit

NONE: Mapping[str, Action] = MappingProxyType({})


def _nobody(content: Any) -> Sequence[str | None]:
    return ()


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab: its label, its template, what reads its content of the visit and the thing, and the API's path below the thing.

    ``actors`` returns the actors that a content shows.
    """

    label: str
    template: str
    read: Callable[[Visit, Any], Awaitable[Any]]
    api: str = ""
    actors: Callable[[Any], Sequence[str | None]] = _nobody


def routes_of(
    address: str,
    show: Page,
    actions: Mapping[str, Action],
    *,
    uploads: Mapping[str, Action] = NONE,
) -> Sequence[PageRoute]:
    """Return the route of a page, and those of its actions, each one below the page's address. ``uploads`` take a file."""
    return (
        PageRoute(address, get(show)),
        *(
            PageRoute(f"{address}/{name}", post(action, on=show), methods=["POST"])
            for name, action in actions.items()
        ),
        *(
            PageRoute(f"{address}/{name}", post(action, on=show, takes_file=True), methods=["POST"])
            for name, action in uploads.items()
        ),
    )
