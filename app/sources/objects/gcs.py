"""Files in a bucket of Google Cloud Storage. See https://cloud.google.com/storage/docs/json_api/v1/objects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import httpx
import orjson

from app.connectors.answers import unconfirmed
from app.connectors.http import OutboundClient
from app.connectors.object_stores import gcs_errors
from app.sources.objects.files import (
    MOST_PAGES,
    FileVersion,
    Listed,
    OpenedFile,
    endless,
    json_date,
    missing,
)

URL = "https://storage.googleapis.com"
_PAGE = "250"  # files: a page of the longest names is still a response of less than 1 MiB


class _HasToken(Protocol):
    async def current(self) -> str | None:
        """Return the token of a request now; None for an emulator without accounts."""


class GCSFiles:
    """One bucket."""

    def __init__(
        self, http: OutboundClient, tokens: _HasToken, bucket: str, endpoint_url: str | None = None
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._url = f"{(endpoint_url or URL).rstrip('/')}/storage/v1/b/{bucket}/o"
        self.where = f"the GCS bucket {bucket}"

    async def files(self, prefix: str) -> AsyncIterator[Listed]:
        """Yield the files whose names begin with ``prefix``, by name."""
        token = ""
        for _ in range(MOST_PAGES):
            query = {
                "prefix": prefix,
                "maxResults": _PAGE,
                "fields": "items(name,updated),nextPageToken",
                **({"pageToken": token} if token else {}),
            }
            found = self._read(await self._http.send(await self._request("", query)))
            for one in found.get("items") or ():
                moment = json_date(one.get("updated")) if isinstance(one, dict) else None
                if moment is not None and isinstance(one.get("name"), str):
                    yield Listed(one["name"], moment)
            token = found.get("nextPageToken") or ""
            if not isinstance(token, str) or not token:
                return
        raise endless(self.where)

    @asynccontextmanager
    async def open(
        self, name: str, path: str, known: FileVersion | None
    ) -> AsyncIterator[OpenedFile]:
        """Open the generation of a file that is current, unless it is the known version."""
        fields = {"fields": "etag,generation,size,updated"}
        response = await self._http.send(await self._request(name, fields))
        if response.status_code == 404 and "bucket does not exist" not in response.text:
            raise missing(path)
        found = self._read(response)
        size = str(found.get("size", ""))
        version = FileVersion(
            path,
            str(found.get("etag") or "") or None,
            int(size) if size.isascii() and size.isdecimal() else None,
            json_date(found.get("updated")),
        )
        if known is not None and version.is_same(known):
            yield OpenedFile(version, None)
            return
        wanted = {"alt": "media", "generation": str(found.get("generation", ""))}
        async with self._http.download(await self._request(name, wanted)) as body:
            if body.status_code == 404:
                raise missing(path, ": it was replaced during the read")
            if body.status_code != 200:
                raise gcs_errors.failure(body, self.where, "read")
            yield OpenedFile(version, body)

    def _read(self, response: httpx.Response) -> dict[str, Any]:
        if response.status_code != 200:
            raise gcs_errors.failure(response, self.where, "read")
        try:
            found = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise unconfirmed(response, self.where)
        return found

    async def _request(self, name: str, query: dict[str, str]) -> httpx.Request:
        # With gzip allowed, Google sends what is stored; otherwise it decompresses files that are marked as compressed.
        headers = {"accept-encoding": "gzip"}
        if (token := await self._tokens.current()) is not None:
            headers["authorization"] = f"Bearer {token}"
        url = f"{self._url}/{quote(name, safe='')}" if name else self._url
        return self._http.build_request("GET", f"{url}?{urlencode(query)}", headers=headers)
