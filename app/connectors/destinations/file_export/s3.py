"""A bucket of Amazon S3 or a compatible store, through the outbound client.

See https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlencode

import httpx

from app.connectors.destinations.file_export.parts import Part, cuts, read_part
from app.connectors.destinations.file_export.stores import Found, patient, streaming
from app.connectors.errors import (
    ConnectorError,
    Redirected,
    Throttled,
    TransientFailure,
    Unconfirmed,
)
from app.connectors.object_stores import s3_errors
from app.connectors.object_stores.aws import (
    Keys,
    bucket_url,
    signed_headers,
    tag,
    text_of,
)
from app.connectors.object_stores.failures import unconfirmed_write

MIB = 1024 * 1024
_NOTHING = hashlib.sha256(b"").hexdigest()
_TRIES = 3  # of one part
_WAIT = 1.0  # seconds before the second try of a part, and twice as long before each further one
_ABORT_SECONDS = 5
_COPIED = 64 * MIB  # bytes that a store copies at least while the service would receive 1 MiB


def _uploads(listed: str) -> list[str]:
    """Return the text of each upload. In one pass: a pattern would look for the end of each element in the whole rest."""
    return [one.rpartition("<Upload>")[2] for one in listed.split("</Upload>")[:-1]]


class _HasKeys(Protocol):
    async def current(self) -> Keys:
        """Return the keys that sign a request now."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes. Amazon takes 10,000 parts, of 5 GiB at most, and copies 5 GiB at once.

    See https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html.
    """

    part: int = 8 * MIB
    copy: int = 5 * 1024 * MIB
    copied_part: int = 512 * MIB
    parts: int = 10_000


_LIMITS = Limits()


class S3Store:
    """One bucket."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        keys: _HasKeys,
        bucket: str,
        region: str,
        endpoint_url: str | None = None,
        limits: Limits = _LIMITS,
    ) -> None:
        self._http = http
        self._keys = keys
        self._bucket = bucket
        self._url = bucket_url(bucket, region, endpoint_url)
        self._region = region
        self._limits = limits
        self.where = f"the S3 bucket {bucket}"

    async def write(self, name: str, path: Path, size: int) -> str | None:
        """Write a file at once, or in parts if it is large."""
        if size > self._limits.part:
            return await self._write_parts(name, path, size)
        part = await read_part(path, 0, size)
        response = await self._call("PUT", name, part=part)
        return self._checksum(response, part)

    async def find(self, name: str, size: int = 0) -> Found | None:
        """Ask for an object. Returns None if there is none. Some stores compute the checksum first: that takes a while."""
        response = await self._answer("HEAD", name, moved=size)
        if response.status_code == 404:
            return None
        self._require_success(response)
        length = response.headers.get("content-length", "")
        if not length.isdecimal():
            raise unconfirmed_write(response, self.where, "the size of the file is missing")
        return Found(int(length), _etag(response.headers.get("etag")))

    async def copy(self, source: str, target: str, size: int) -> str | None:
        """Copy an object, in parts if the store does not copy so much at once."""
        # Without a slash at the begin, after which some stores read an empty name of a bucket: nikeee/lean-s3#113.
        origin = {"x-amz-copy-source": quote(f"{self._bucket}/{source}", safe="/~")}
        if size > self._limits.copy:
            return await self._copy_parts(origin, target, size)
        response = await self._call("PUT", target, headers=origin, moved=size)
        return self._result(response, "CopyObjectResult")

    async def delete(self, name: str) -> None:
        """Delete an object."""
        await self._call("DELETE", name)

    async def _write_parts(self, name: str, path: Path, size: int) -> str | None:
        async def send(upload: str, number: int, start: int, length: int) -> str | None:
            part = await read_part(path, start, length)
            response = await self._call("PUT", name, _place(upload, number), part=part)
            return self._checksum(response, part)

        return await self._in_parts(name, cuts(size, self._limits.part, self._limits.parts), send)

    async def _copy_parts(self, origin: Mapping[str, str], target: str, size: int) -> str | None:
        async def send(upload: str, number: int, start: int, length: int) -> str | None:
            headers = {**origin, "x-amz-copy-source-range": f"bytes={start}-{start + length - 1}"}
            place = _place(upload, number)
            response = await self._call("PUT", target, place, headers=headers, moved=length)
            return self._result(response, "CopyPartResult")

        return await self._in_parts(
            target, cuts(size, self._limits.copied_part, self._limits.parts), send
        )

    async def _in_parts(
        self, name: str, pieces: Sequence[tuple[int, int]], send: _Send
    ) -> str | None:
        """Create an object of parts. If that fails, the parts are removed from the store."""
        await self._abort_left(name)
        started = await self._call("POST", name, {"uploads": ""})
        upload = tag(started, "UploadId")
        if not upload:
            raise unconfirmed_write(started, self.where, "it has no id of an upload")
        try:
            etags = [
                await self._tried(send, upload, number, start, length)
                for number, (start, length) in enumerate(pieces, 1)
            ]
            return await self._complete(name, upload, etags)
        except BaseException:
            await self._abort(name, upload)
            raise

    async def _tried(
        self, send: _Send, upload: str, number: int, start: int, length: int
    ) -> str | None:
        """Send one part, again if that may help: a large file would begin anew."""
        for attempt in range(1, _TRIES):
            try:
                return await send(upload, number, start, length)
            except (Redirected, Unconfirmed):
                raise
            except (TransientFailure, Throttled):
                await asyncio.sleep(_WAIT * 2 ** (attempt - 1))
        return await send(upload, number, start, length)

    async def _complete(self, name: str, upload: str, etags: Sequence[str | None]) -> str | None:
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag or ''}&quot;</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        response = await self._call(
            "POST", name, {"uploadId": upload}, body=body, moved=len(etags) * self._limits.part
        )
        return self._result(response, "CompleteMultipartUploadResult")

    async def _abort_left(self, name: str) -> None:
        """Remove the parts of uploads of this object that a killed process left. A key that may not look for them cannot."""
        with contextlib.suppress(ConnectorError):
            found = await self._call("GET", "", {"uploads": "", "prefix": name})
            for one in _uploads(found.text):
                upload = text_of("UploadId", one)
                if upload and text_of("Key", one) == name:
                    await self._abort(name, upload)

    async def _abort(self, name: str, upload: str) -> None:
        with contextlib.suppress(ConnectorError, TimeoutError):
            async with asyncio.timeout(_ABORT_SECONDS):
                await self._call("DELETE", name, {"uploadId": upload})

    def _checksum(self, response: httpx.Response, part: Part) -> str | None:
        """Return the ETag of written bytes. Raises Unconfirmed if it is missing, or is an MD5 of other bytes."""
        etag = _etag(response.headers.get("etag"))
        if etag is None:
            raise unconfirmed_write(response, self.where, "its checksum (ETag) is missing")
        kind = response.headers.get("x-amz-server-side-encryption", "AES256")
        is_md5 = re.fullmatch(r"[0-9a-f]{32}", etag) and kind == "AES256"
        if is_md5 and etag != part.md5.hex():
            raise unconfirmed_write(response, self.where, "it stored other bytes: the MD5 differs")
        return etag

    def _result(self, response: httpx.Response, kind: str) -> str | None:
        """Return the ETag in a result. A 200 can hold an error: it is sent before the work is done."""
        if f"<{kind}" not in response.text:
            raise s3_errors.failure(response, self.where)
        return _etag(tag(response, "ETag"))

    async def _call(
        self,
        method: str,
        name: str,
        query: Mapping[str, str] | None = None,
        *,
        part: Part | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        moved: int = 0,
    ) -> httpx.Response:
        """Send a signed request. Raises a ConnectorError unless it succeeds. ``moved``: bytes that the store handles itself."""
        response = await self._answer(
            method, name, query, part=part, body=body, headers=headers, moved=moved
        )
        self._require_success(response)
        return response

    async def _answer(
        self,
        method: str,
        name: str,
        query: Mapping[str, str] | None = None,
        *,
        part: Part | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        moved: int = 0,
    ) -> httpx.Response:
        url = f"{self._url}/{quote(name, safe='/~')}"
        if query:
            url += "?" + urlencode(query, quote_via=quote, safe="~")
        sha256 = part.sha256 if part else hashlib.sha256(body).hexdigest() if body else _NOTHING
        size = part.size if part else len(body)
        sent = dict(headers or {})
        if part:
            sent["content-md5"] = base64.b64encode(part.md5).decode()
        keys = await self._keys.current()
        signed = signed_headers(method, url, sent, keys, self._region, sha256=sha256)
        signed["accept-encoding"] = "identity"
        if method in ("PUT", "POST"):
            signed["content-length"] = str(size)
        http = patient(self._http, size + moved // _COPIED * MIB)
        request = http.build_request(method, url, headers=signed, content=body or None)
        return await http.send(streaming(request, part.stream() if part else None))

    def _require_success(self, response: httpx.Response) -> None:
        if not 200 <= response.status_code < 300:
            raise s3_errors.failure(response, self.where)


class _Send(Protocol):
    async def __call__(self, upload: str, number: int, start: int, length: int) -> str | None:
        """Send or copy one part. Returns its ETag."""


def _place(upload: str, number: int) -> dict[str, str]:
    return {"partNumber": str(number), "uploadId": upload}


def _etag(text: str | None) -> str | None:
    """Return an ETag without its quotes; None if there is none."""
    plain = (text or "").removeprefix("W/").strip('"')
    return plain or None
