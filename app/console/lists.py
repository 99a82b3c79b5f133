"""Lists: the page that a query asks for, and filters as parameters of the API's paths."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from app.console.visits import Visit
from app.core.pagination import PageRequest

ROWS = 50


def page_of(visit: Visit, rows: int = ROWS) -> PageRequest:
    """Return the page of a list that the parameter ``cursor`` asks for."""
    return PageRequest(rows, visit.asked("cursor"))


def api_path(path: str, **filters: str | None) -> str:
    """Return a path of the API with those filters that are set."""
    given: Mapping[str, str] = {name: value for name, value in filters.items() if value}
    return f"{path}?{urlencode(given)}" if given else path
