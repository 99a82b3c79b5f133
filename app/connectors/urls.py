"""URLs in settings: read when they are stored, so that a call never meets one that cannot be read."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

import httpx

# What names and addresses consist of, after httpx has decoded internationalised names.
_HOST = re.compile(r"[\w.:-]+(%[\w]+)?")


#: In place of the value of a parameter. A URL that can be called does not contain these signs.
HIDDEN = "<hidden>"


def with_hidden_query(url: str, mask: str = HIDDEN) -> str:
    """Return a URL with a mask in place of the value of each parameter; one without ``=`` is masked as a whole."""
    begin, mark, query = url.partition("?")
    query, _, _ = query.partition("#")
    return (
        begin + mark + "&".join(_masked(pair, mask) for pair in query.split("&")) if mark else url
    )


def _masked(pair: str, mask: str) -> str:
    name, sign, _ = pair.partition("=")
    return f"{name}={mask}" if sign else mask


def query_secrets(url: str) -> list[str]:
    """Return the values of a URL's parameters, as they are written and decoded: they may be keys. One without ``=`` is a value."""
    query = url.partition("?")[2].partition("#")[0]
    values = [value if sign else name for name, sign, value in _pairs(query)]
    return list(
        dict.fromkeys(form for value in values for form in (value, unquote_plus(value)) if form)
    )


def _pairs(query: str) -> list[tuple[str, str, str]]:
    return [pair.partition("=") for pair in query.split("&")]


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
