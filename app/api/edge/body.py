"""Request bodies: read up to a size limit."""

from __future__ import annotations

from fastapi import Request

from app.core.errors import PayloadTooLarge


async def read_body(request: Request, limit: int) -> bytes:
    """Read the whole body.

    Raises PayloadTooLarge if Content-Length, or the number of bytes received, exceeds ``limit``.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"the body is larger than {limit} bytes", headers={"Connection": "close"}
    )
