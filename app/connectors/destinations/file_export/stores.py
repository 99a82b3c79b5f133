"""What an object store must do for exported files, and the errors that all stores share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import httpx

from app.connectors.answers import error_for_answer, request_id_of, said
from app.connectors.errors import (
    AuthenticationRejected,
    ConnectorError,
    PayloadRejected,
    Unconfirmed,
)
from app.connectors.http import OutboundClient

_SLOWEST_UPLOAD = 256 * 1024  # bytes a second: a slower upload of a part counts as failed
# Forms of an MD5: of S3, of S3 with the number of parts, of GCS.
_MD5 = (
    re.compile(r"[0-9a-f]{32}"),
    re.compile(r"[0-9a-f]{32}-\d+"),
    re.compile(r"[A-Za-z0-9+/]{22}=="),
)
# Statuses with which an attempt may blame single changes; a file has no single changes.
_ABOUT_ROWS = (400, 413, 422)


class Denied(AuthenticationRejected):
    """The store refused an operation because the key has no permission for it."""


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


def other_failure(response: httpx.Response, where: str) -> ConnectorError:
    """Return the error for a failed request that has no meaning of its own for a store."""
    error = error_for_answer(response, partner=where)
    if error is None:
        return unconfirmed_write(response, where)
    if isinstance(error, PayloadRejected) and error.http_status in _ABOUT_ROWS:
        error.http_status = None
    return error


def unconfirmed_write(response: httpx.Response, where: str, what: str = "") -> Unconfirmed:
    """Return the error for a success that does not confirm that the file was stored."""
    return Unconfirmed(
        f"{where} responded with HTTP {response.status_code}, but {what or 'the response confirms nothing'}",
        http_status=response.status_code,
        vendor_request_id=request_id_of(response),
        code="unconfirmed",
    )


def named_failure(
    kind: type[ConnectorError], words: str, code: str, response: httpx.Response, where: str
) -> ConnectorError:
    """Return an error for a code of the store, whose meaning is known."""
    return kind(
        f"{where}: {words}",
        http_status=response.status_code if response.status_code not in _ABOUT_ROWS else None,
        vendor_request_id=request_id_of(response),
        code=said(code, 64, response),
    )
