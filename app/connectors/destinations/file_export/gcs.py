"""A bucket of Google Cloud Storage, through the outbound client: its JSON API with resumable uploads.

See https://cloud.google.com/storage/docs/json_api and https://cloud.google.com/storage/docs/performing-resumable-uploads.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import httpx
import orjson

from app.connectors.destinations.file_export.parts import Part, read_part
from app.connectors.destinations.file_export.stores import Found, patient, streaming
from app.connectors.errors import (
    ConnectorError,
    Redirected,
    Throttled,
    TransientFailure,
    Unconfirmed,
)
from app.connectors.object_stores import gcs_errors
from app.connectors.object_stores.failures import unconfirmed_write

URL = "https://storage.googleapis.com"
CHUNK = 8 * 1024 * 1024  # a multiple of 256 KiB
_TRIES = 3  # without progress
_WAIT = 1.0  # seconds before the second try, and twice as long before each further one
_ABORT_SECONDS = 5
_RESUME = 308  # not a redirect here: Google says with it how much of an upload has arrived
_FIELDS = "fields=size,md5Hash"


class _HasToken(Protocol):
    async def current(self) -> str | None:
        """Return the token of a request now; None for an emulator without accounts."""


class GCSStore:
    """One bucket."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        tokens: _HasToken,
        bucket: str,
        endpoint_url: str | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._base = (endpoint_url or URL).rstrip("/")
        self._bucket = bucket
        self.where = f"the GCS bucket {bucket}"
        self._chunk = chunk

    async def write(self, name: str, path: Path, size: int) -> str | None:
        """Write a file by a resumable upload, which stores nothing until all bytes have arrived."""
        file = await read_part(path, 0, size)
        session = await self._session(name, file.size)
        try:
            stored = await self._send(session, file)
        except BaseException:
            await self._abort(session)
            raise
        return self._confirmed(stored, file)

    async def find(self, name: str, size: int = 0) -> Found | None:
        """Ask for an object. Returns None if there is none."""
        response = await self._answer("GET", f"{self._object(name)}?{_FIELDS}")
        if response.status_code == 404:
            return None
        resource = self._resource(response)
        return Found(self._size(response, resource), resource.get("md5Hash"))

    async def copy(self, source: str, target: str, size: int) -> str | None:
        """Copy an object. Large copies take several calls, each of which continues the one before."""
        path = f"{self._object(source)}/rewriteTo/b/{self._bucket}/o/{quote(target, safe='')}"
        token = ""
        while True:
            more = f"?rewriteToken={quote(token, safe='')}" if token else ""
            response = await self._answer("POST", path + more, content=b"")
            resource = self._resource(response)
            if resource.get("done") is True:
                copied = resource.get("resource")
                return copied.get("md5Hash") if isinstance(copied, dict) else None
            following = resource.get("rewriteToken")
            if not isinstance(following, str) or not following or following == token:
                raise unconfirmed_write(response, self.where, "the copy is not done")
            token = following

    async def delete(self, name: str) -> None:
        """Delete an object."""
        self._require_success(await self._answer("DELETE", self._object(name)))

    async def _session(self, name: str, size: int) -> str:
        path = f"/upload/storage/v1/b/{self._bucket}/o?uploadType=resumable&name={quote(name, safe='')}"
        headers = {
            "x-upload-content-length": str(size),
            "x-upload-content-type": "application/octet-stream",
        }
        response = await self._answer("POST", path, headers=headers, content=b"")
        self._require_success(response)
        session = str(response.headers.get("location", ""))
        if not session:
            raise unconfirmed_write(response, self.where, "it has no address for the upload")
        if not session.startswith(self._base + "/"):
            # The bytes of the file go to the host that was named, and to no other one.
            raise gcs_errors.sent_elsewhere(response, self.where)
        return session

    async def _send(self, session: str, file: Part) -> httpx.Response:
        """Send the bytes in chunks. After a failure, Google says where to continue."""
        start, failures = 0, 0
        while True:
            try:
                response = await self._chunk_sent(session, file, start)
            except (Redirected, Unconfirmed):
                raise
            except (TransientFailure, Throttled):
                failures += 1
                if failures >= _TRIES:
                    raise
                await asyncio.sleep(_WAIT * 2 ** (failures - 1))
                response = await self._put(session, f"bytes */{file.size}")
            if response.status_code != _RESUME:
                self._require_progress(response)
                return response
            arrived = self._arrived(response, file.size)
            if arrived > start:
                failures = 0
            elif (failures := failures + 1) >= _TRIES:
                raise unconfirmed_write(response, self.where, "the upload makes no progress")
            start = arrived

    async def _chunk_sent(self, session: str, file: Part, start: int) -> httpx.Response:
        size = min(self._chunk, file.size - start)
        if size <= 0:
            response = await self._put(session, f"bytes */{file.size}")
        else:
            chunk = Part(file.path, start, size, "", b"")
            span = f"bytes {start}-{start + size - 1}/{file.size}"
            response = await self._put(session, span, chunk)
        if response.status_code != _RESUME:
            self._require_progress(response)
        return response

    async def _put(self, session: str, span: str, chunk: Part | None = None) -> httpx.Response:
        size = chunk.size if chunk else 0
        http = patient(self._http, size)
        headers = {"content-range": span, "content-length": str(size)}
        request = http.build_request("PUT", session, headers=headers)
        return await http.send(streaming(request, chunk.stream() if chunk else None))

    def _arrived(self, response: httpx.Response, size: int) -> int:
        """Return how many bytes have arrived, as ``Range: bytes=0-8388607`` says. A real redirect has a target."""
        if "location" in response.headers:
            raise gcs_errors.failure(response, self.where)
        last = response.headers.get("range", "").rpartition("-")[2]
        arrived = int(last) + 1 if last.isdecimal() else 0
        if arrived > size:
            raise unconfirmed_write(response, self.where, "more bytes arrived than were sent")
        return arrived

    async def _abort(self, session: str) -> None:
        with contextlib.suppress(ConnectorError, TimeoutError):
            async with asyncio.timeout(_ABORT_SECONDS):
                await self._http.delete(session, headers={"content-length": "0"})

    def _confirmed(self, response: httpx.Response, file: Part) -> str | None:
        resource = self._resource(response)
        size, checksum = self._size(response, resource), resource.get("md5Hash")
        if size != file.size:
            raise unconfirmed_write(response, self.where, f"{size} of {file.size} bytes arrived")
        if checksum != base64.b64encode(file.md5).decode():
            words = (
                "its checksum is missing"
                if not checksum
                else "it stored other bytes: the MD5 differs"
            )
            raise unconfirmed_write(response, self.where, words)
        return str(checksum)

    def _size(self, response: httpx.Response, resource: dict[str, Any]) -> int:
        size = str(resource.get("size", ""))
        if not size.isdecimal():
            raise unconfirmed_write(response, self.where, "the size of the file is missing")
        return int(size)

    def _resource(self, response: httpx.Response) -> dict[str, Any]:
        self._require_success(response)
        try:
            resource = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            resource = None
        if not isinstance(resource, dict):
            raise unconfirmed_write(response, self.where, "its body is not the expected one")
        return resource

    def _object(self, name: str) -> str:
        return f"/storage/v1/b/{self._bucket}/o/{quote(name, safe='')}"

    async def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        token = await self._tokens.current()
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return await self._http.request(method, self._base + path, headers=headers, **options)

    def _require_progress(self, response: httpx.Response) -> None:
        if not 200 <= response.status_code < 300:
            raise gcs_errors.ended_upload(response, self.where)

    def _require_success(self, response: httpx.Response) -> None:
        if not 200 <= response.status_code < 300:
            raise gcs_errors.failure(response, self.where)
