"""What the pages of the console and of the sandbox are built from: one copy of the style sheet, scripts and base template.

The files are in the folder of the console. The sandbox does not import the console, so both find them here.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_CONSOLE = Path(__file__).parents[1] / "console"
STATIC = _CONSOLE / "static"
TEMPLATES = _CONSOLE / "templates"
KEPT_BY_BROWSERS = "public, max-age=31536000, immutable"
"""The Cache-Control of a static file, whose address contains a digest of its content."""


@cache
def file_address(prefix: str, name: str) -> str:
    """Return the address of a static file below a path: ``/console/static/console.css?v=1a2b3c4d5e6f``."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"{prefix}/{name}?v={digest[:12]}"


def environment(*folders: Path) -> Environment:
    """Return an environment that finds templates in the folders, in this order, and escapes each value."""
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
