"""Error pages. The status and the sentences are those of the API's error responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

from app.console.rendering import render
from app.core.page_policy import ERROR_PAGE
from app.core.url_paths import raw_path

_TITLES = {
    403: "Not permitted",
    404: "Not found",
    409: "Not possible now",
    422: "Not valid",
    429: "Too many requests",
    503: "Not available",
}


class _OfPages(BaseRoute):
    """Errors are shown as pages, with the policy of the console, also those of routing (404, 405)."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a request as Starlette does."""
        match, found = super().matches(scope)
        return match, {**found, ERROR_PAGE: error_page}


class PageRoute(_OfPages, Route):
    """A route of the console."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path as it was sent, so that an id may contain an escaped slash, and decode its parts once."""
        if scope["type"] != "http":
            return super().matches(scope)
        match, found = super().matches({**scope, "path": raw_path(scope), "root_path": ""})
        values = found.get("path_params", {}).items()
        return match, {**found, "path_params": {name: unquote(value) for name, value in values}}


class PageMount(_OfPages, Mount):
    """The files of the console."""


def error_page(
    request: Request,
    status: int,
    entries: Sequence[Mapping[str, Any]],
    headers: Mapping[str, str],
) -> Response:
    """Show an error response as a page."""
    texts = [text for entry in entries if (text := str(entry.get("message") or ""))]
    values = {
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "messages": texts or ["The service could not do this. Its log has the reason."],
    }
    return render("error.html", values, status=status, headers=headers)
