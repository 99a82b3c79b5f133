"""Bodies of responses: read with a size limit, and decompressed. A body that cannot be read does not hide the status."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx

from app.connectors.messages import Response

LIMIT = 1024 * 1024  # bytes of a response, after decompression
# The extension of a response that says in words why its body is missing.
UNREAD = "unread_body"
_SENT_AS = (b"content-encoding", b"content-length", b"transfer-encoding")


class UnreadableBody(Exception):
    """The body of a response cannot be read; the message says why."""


async def read_whole(response: httpx.Response) -> httpx.Response:
    """Return a response with its whole body, or without its body if that cannot be read (see ``unread``)."""
    encoding = response.headers.get("content-encoding", "")
    body, why = await read_body(encoding, response.aiter_raw())
    return _whole(response, body) if why is None else without_body(response, why)


def without_body(response: httpx.Response, why: str) -> httpx.Response:
    """Return a response with the status and headers only; ``unread`` then returns ``why``."""
    bare = _whole(response, b"")
    bare.extensions[UNREAD] = why
    return bare


def unread(response: Response) -> str | None:
    """Return why the body of a response could not be read, in words; None if it was read."""
    why: str | None = response.extensions.get(UNREAD)
    return why


async def read_body(encoding: str, chunks: AsyncIterator[bytes]) -> tuple[bytes, str | None]:
    """Return the body of a response, decompressed, and None; or an empty body, and why it cannot be read, in words.

    ``encoding`` is its content encoding. The size limit also holds after decompression: without one, a small response can
    exhaust memory.
    """
    try:
        return await _read(_inflater(encoding), chunks), None
    except UnreadableBody as fault:
        return b"", str(fault)
    except (httpx.HTTPError, aiohttp.ClientError, zlib.error, OSError, ValueError):
        return b"", "its body was cut or is damaged"


async def _read(inflater: Any, chunks: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        room = LIMIT + 1 - len(body)
        body += inflater.decompress(chunk, room) if inflater else chunk
        if len(body) > LIMIT:
            raise UnreadableBody("its body has more than 1 MiB")
    if inflater and body and not inflater.eof:
        raise UnreadableBody("its compressed body was cut")
    return bytes(body)


def _inflater(encoding: str) -> Any:
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return zlib.decompressobj(wbits=47)  # the header of the data says which
        case _:
            raise UnreadableBody("its body is in an encoding that was not requested")


def _whole(response: httpx.Response, body: bytes) -> httpx.Response:
    # The length in a response to HEAD is that of the body which a GET would return.
    left_out = _SENT_AS if response.request.method != "HEAD" else (b"content-encoding",)
    headers = [
        (name, value) for name, value in response.headers.raw if name.lower() not in left_out
    ]
    return httpx.Response(
        response.status_code,
        headers=headers,
        content=body,
        request=response.request,
        extensions=dict(response.extensions),
    )
