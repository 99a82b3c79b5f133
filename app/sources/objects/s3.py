"""Files in a bucket of Amazon S3 or a compatible store.

See https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html and API_ListObjectsV2.html.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import quote, unquote_plus, urlencode

import httpx

from app.connectors.http import OutboundClient
from app.connectors.object_stores import s3_errors
from app.connectors.object_stores.aws import Keys, bucket_url, signed_headers, tag, text_of
from app.connectors.object_stores.failures import Denied
from app.sources.objects.files import (
    MOST_PAGES,
    FileVersion,
    Listed,
    OpenedFile,
    endless,
    json_date,
    missing,
    version_of,
)

_NOTHING = hashlib.sha256(b"").hexdigest()
_PAGE = "250"  # files: a page of the longest names is still a response of less than 1 MiB


class _HasKeys(Protocol):
    async def current(self) -> Keys:
        """Return the keys that sign a request now."""


class S3Files:
    """One bucket."""

    def __init__(
        self,
        http: OutboundClient,
        keys: _HasKeys,
        bucket: str,
        region: str,
        endpoint_url: str | None = None,
    ) -> None:
        self._http = http
        self._keys = keys
        self._url = bucket_url(bucket, region, endpoint_url)
        self._region = region
        self.where = f"the S3 bucket {bucket}"

    async def files(self, prefix: str) -> AsyncIterator[Listed]:
        """Yield the files whose names begin with ``prefix``, by name."""
        token: str | None = None
        for _ in range(MOST_PAGES):
            query = {
                "list-type": "2",
                "prefix": prefix,
                "max-keys": _PAGE,
                "encoding-type": "url",
                **({"continuation-token": token} if token else {}),
            }
            response = await self._http.send(await self._request("", query))
            if response.status_code != 200 or "<ListBucketResult" not in response.text:
                raise s3_errors.failure(response, self.where, "list files")
            # In one pass: a pattern would look for the end of each element in the whole rest.
            for one in response.text.split("</Contents>")[:-1]:
                name = text_of("Key", one.rpartition("<Contents>")[2])
                moment = json_date(text_of("LastModified", one.rpartition("<Contents>")[2]))
                if name and moment:
                    yield Listed(unquote_plus(name), moment)
            token = tag(response, "NextContinuationToken")
            if tag(response, "IsTruncated") != "true" or not token:
                return
        raise endless(self.where)

    @asynccontextmanager
    async def open(
        self, name: str, path: str, known: FileVersion | None
    ) -> AsyncIterator[OpenedFile]:
        """Open a file, unless the store says that it is still the known version."""
        condition = {"if-none-match": known.etag} if known and known.etag else {}
        async with self._http.download(await self._request(name, {}, condition)) as response:
            if response.status_code == 304 and known is not None:
                yield OpenedFile(version_of(response, path, known), None)
                return
            if response.status_code != 200:
                raise self._failure(response, path)
            yield OpenedFile(version_of(response, path, None), response)

    def _failure(self, response: httpx.Response, path: str) -> Exception:
        if response.status_code == 404 and tag(response, "Code") in (None, "NoSuchKey"):
            return missing(path)
        error = s3_errors.failure(response, self.where, "read files")
        if isinstance(error, Denied):
            error.message += (
                f" ({path}). Without s3:ListBucket, S3 says the same if there is no such file"
            )
        return error

    async def _request(
        self, name: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> httpx.Request:
        url = f"{self._url}/{quote(name, safe='/~')}"
        if query:
            url += "?" + urlencode(query, quote_via=quote, safe="~")
        keys = await self._keys.current()
        signed = signed_headers("GET", url, headers or {}, keys, self._region, sha256=_NOTHING)
        signed["accept-encoding"] = "identity"
        return self._http.build_request("GET", url, headers=signed)
