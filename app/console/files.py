"""The files of the console: style sheet, scripts and icon, under names that change with their content."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from app.core.page_policy import CONSOLE_HEADERS

FOLDER = Path(__file__).parent / "static"
PREFIX = "/console/static"
_YEAR = "public, max-age=31536000, immutable"


class _Files(StaticFiles):
    """Files that browsers keep: their addresses contain a digest of the content."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        """Return a file with the headers of the console."""
        response = super().file_response(*arguments, **named)
        response.headers.update(CONSOLE_HEADERS)
        response.headers["Cache-Control"] = _YEAR
        return response


CONSOLE_FILES = _Files(directory=FOLDER)


@cache
def address(name: str) -> str:
    """Return the address of a file: ``/console/static/console.css?v=1a2b3c4d``."""
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
    return f"{PREFIX}/{name}?v={digest[:12]}"
