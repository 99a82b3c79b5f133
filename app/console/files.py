"""The files of the console: style sheet, scripts and icon, under names that change with their content."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from app.core.page_policy import CONSOLE_HEADERS
from app.core.pages import KEPT_BY_BROWSERS, STATIC, file_address

PREFIX = "/console/static"


class _Files(StaticFiles):
    """Files that browsers keep: their addresses contain a digest of the content."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        """Return a file with the headers of the console."""
        response = super().file_response(*arguments, **named)
        response.headers.update(CONSOLE_HEADERS)
        response.headers["Cache-Control"] = KEPT_BY_BROWSERS
        return response


CONSOLE_FILES = _Files(directory=STATIC)


def address(name: str) -> str:
    """Return the address of a file: ``/console/static/console.css?v=1a2b3c4d5e6f``."""
    return file_address(PREFIX, name)
