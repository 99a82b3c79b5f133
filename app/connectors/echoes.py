"""What partners send back of our own requests: some answer with all that they were sent, keys included."""

from __future__ import annotations

import json

import httpx

from app.core.logging import masked
from app.core.redaction import SHORTEST_SECRET

MASK = "<…>"
# Headers that hold no secret; others may be a user's own, with a key in them.
_HARMLESS = {
    "accept", "accept-encoding", "connection", "content-length", "content-type", "host", "revision", "user-agent",
    "webhook-id", "webhook-timestamp",
}  # fmt: skip


def shown_headers(request: httpx.Request) -> dict[str, str]:
    """Headers of a request, those masked that may hold a secret."""
    return {
        name: value if name.lower() in _HARMLESS else MASK
        for name, value in request.headers.items()
    }


def shown_url(url: httpx.URL) -> str:
    """A URL with the names of its parameters, and without their values: a key may be among them."""
    names = [pair.partition("=")[0] for pair in url.query.decode().split("&") if pair]
    query = "?" + "&".join(f"{name}={MASK}" for name in names) if names else ""
    return masked(str(url.copy_with(query=None, fragment=None))) + query


def without_echoes(text: str, request: httpx.Request | None) -> str:
    """A partner's words without secrets: the live ones, what looks like one, and what the request's headers and URL held."""
    for secret in sorted(_secrets(request), key=len, reverse=True) if request else ():
        text = text.replace(secret, MASK)
    return masked(text)


def _secrets(request: httpx.Request) -> set[str]:
    """Values that may be secret, whole and by their words, as they are and as they stand in JSON."""
    values = [value for name, value in request.headers.items() if name.lower() not in _HARMLESS]
    values += [value for _, value in request.url.params.multi_items()]
    values += [pair.partition("=")[2] for pair in request.url.query.decode().split("&")]
    # Of "Bearer …" and the like the first word says the kind of key, which partners name in their advice.
    parts = {part for value in values for part in (value, *value.split()[1:])}
    parts |= {json.dumps(part)[1:-1] for part in parts}
    return {part for part in parts if len(part) >= SHORTEST_SECRET}
