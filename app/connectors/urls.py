"""URLs in settings: read when they are stored, so that a call never meets one that cannot be read."""

from __future__ import annotations

import re

import httpx

# What names and addresses consist of, after httpx has decoded internationalised names.
_HOST = re.compile(r"[\w.:-]+(%[\w]+)?")


def checked_callable(url: str) -> str:
    """Return a URL unchanged. Raises ValueError if the outbound client could not read it, such as ``https://0177.0.0.1``."""
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise ValueError(f"cannot be read as a URL: {error}") from error
    if not parts.host or not _HOST.fullmatch(parts.host):
        raise ValueError("must name a host, such as https://hooks.example.com")
    if parts.port is not None and not 0 < parts.port < 65536:
        raise ValueError(f"{parts.port} is not a port")
    return url
