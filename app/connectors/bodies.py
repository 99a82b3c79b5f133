"""Bodies of responses: read with a size limit, and decompressed. A body that cannot be read does not hide the status."""

from __future__ import annotations

import zlib
from typing import Any

import aiohttp
import httpx

LIMIT = 1024 * 1024  # bytes of a response, after decompression
# The extension of a response that says in words why its body is missing.
_UNREAD = "unread_body"
_SENT_AS = (b"content-encoding", b"content-length", b"transfer-encoding")


class UnreadableBody(Exception):
    """The body of a response cannot be read; the message says why."""


async def read_whole(response: httpx.Response) -> httpx.Response:
    """Return a response with its whole body, or without its body if that cannot be read (see ``unread``).

    The size limit also holds after decompression: without one, a small response can exhaust memory.
    """
    try:
        body = await _read(response)
    except UnreadableBody as fault:
        return without_body(response, str(fault))
    except (httpx.HTTPError, aiohttp.ClientError, zlib.error, OSError, ValueError):
        return without_body(response, "its body was cut or is damaged")
    return _whole(response, body)


def without_body(response: httpx.Response, why: str) -> httpx.Response:
    """Return a response with the status and headers only; ``unread`` then returns ``why``."""
    bare = _whole(response, b"")
    bare.extensions[_UNREAD] = why
    return bare


def unread(response: httpx.Response) -> str | None:
    """Return why the body of a response could not be read, in words; None if it was read."""
    return response.extensions.get(_UNREAD)


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    inflater = _inflater(response.headers.get("content-encoding", "identity"))
    async for chunk in response.aiter_raw():
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
