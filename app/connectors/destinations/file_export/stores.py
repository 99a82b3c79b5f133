"""What an object store must do for exported files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import httpx

from app.connectors.http import OutboundClient

_SLOWEST_UPLOAD = 256 * 1024  # bytes a second: a slower upload of a part counts as failed
# Forms of an MD5: of S3, of S3 with the number of parts, of GCS.
_MD5 = (
    re.compile(r"[0-9a-f]{32}"),
    re.compile(r"[0-9a-f]{32}-\d+"),
    re.compile(r"[A-Za-z0-9+/]{22}=="),
)


class Found:
    """An object in the store: its size in bytes, and its checksum if the store says one."""

    def __init__(self, size: int, checksum: str | None) -> None:
        self.size = size
        self.checksum = checksum


class Store(Protocol):
    """A bucket. ``where`` names it in messages. Names are keys in the bucket. Each operation raises a ConnectorError; Denied if the key may not do it."""

    where: str

    async def write(self, name: str, path: Path, size: int) -> str | None:
        """Write a file of ``size`` bytes completely or not at all. Returns the store's checksum of it, which was compared, or None."""

    async def find(self, name: str, size: int = 0) -> Found | None:
        """Ask for an object, of about ``size`` bytes. Returns None if there is none."""

    async def copy(self, source: str, target: str, size: int) -> str | None:
        """Copy an object inside the bucket. Returns the checksum of the copy, or None."""

    async def delete(self, name: str) -> None:
        """Delete an object."""


def is_same(one: str | None, other: str | None) -> bool:
    """Return whether two checksums can belong to one object.

    Only those of one form say something: of a file in parts, a store can return the MD5 of the parts, then that of the whole.
    """
    forms = [
        next((form for form in _MD5 if form.fullmatch(text or "")), None) for text in (one, other)
    ]
    return forms[0] is None or forms[0] is not forms[1] or one == other


def patient(http: httpx.AsyncClient, size: int) -> httpx.AsyncClient:
    """Return a client whose deadline leaves time to transfer ``size`` bytes."""
    if not isinstance(http, OutboundClient):
        return http
    return http.with_more_time(size / _SLOWEST_UPLOAD)


def streaming(request: httpx.Request, body: httpx.AsyncByteStream | None) -> httpx.Request:
    """Return a request with a body that is streamed. Its headers must hold the length."""
    if body is None:
        return request
    return httpx.Request(
        request.method,
        request.url,
        headers=request.headers,
        stream=body,
        extensions=request.extensions,
    )
