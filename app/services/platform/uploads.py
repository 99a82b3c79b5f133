"""Uploads on their way in: from the request to a local file, counted, under a minimum rate, never in memory (R35)."""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from app.core.config import Settings
from app.core.errors import (
    BadRequest,
    InsufficientStorage,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from app.snapshots.engine import Engine, Upload

_BUFFER = 1024 * 1024
_WINDOW_SECONDS = 30.0
_WINDOW_BYTES = 30 * 10 * 1024  # 10 KiB/s
_SPARE_BYTES = 256 * 1024 * 1024  # stays free for the database and the logs

_FORMATS: dict[str, Literal["csv", "ndjson", "parquet"]] = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/vnd.apache.parquet": "parquet",
}


def upload_kind(
    content_type: str | None, content_encoding: str | None
) -> tuple[Literal["csv", "ndjson", "parquet"], Literal["gzip", "zstd"] | None]:
    """Format and compression by the headers; UnsupportedMediaType with what is taken."""
    essence, _, parameters = (content_type or "").partition(";")
    form = _FORMATS.get(essence.strip().lower())
    if form is None:
        raise UnsupportedMediaType(
            "send text/csv, application/x-ndjson or application/vnd.apache.parquet"
        )
    if "charset" in parameters.lower() and "utf-8" not in parameters.lower().replace("utf8", "utf-8"):  # fmt: skip
        raise UnsupportedMediaType("the upload's charset must be utf-8")
    match (content_encoding or "identity").strip().lower():
        case "" | "identity":
            return form, None
        case "gzip" | "x-gzip":
            return form, "gzip"
        case "zstd":
            return form, "zstd"
        case _:
            raise UnsupportedMediaType("Content-Encoding may be gzip or zstd")


@asynccontextmanager
async def receive_upload(
    engine: Engine,
    settings: Settings,
    stream: AsyncIterator[bytes],
    *,
    content_type: str | None,
    content_encoding: str | None,
    announced: int | None,
) -> AsyncIterator[Upload]:
    """The upload as a scratch file while the block runs; the file is gone after it, however it ends.

    PayloadTooLarge above ``max_upload_bytes``, InsufficientStorage where the disk is full, BadRequest below
    10 KiB/s over 30 seconds, UnsupportedMediaType for other types. ``announced`` is the Content-Length, if any.
    """
    form, encoding = upload_kind(content_type, content_encoding)
    path = engine.scratch_file(f".{form}")
    _check_room(path.parent, announced or 0, settings.max_upload_bytes)
    try:
        await _write(path, stream, settings.max_upload_bytes)
        yield Upload(path=path, format=form, encoding=encoding)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full() from None
        raise
    finally:
        path.unlink(missing_ok=True)


async def _write(path: Path, stream: AsyncIterator[bytes], limit: int) -> None:
    pieces: list[bytes] = []
    total = waiting = in_window = 0
    loop = asyncio.get_running_loop()
    with path.open("xb") as file:
        try:
            async with asyncio.timeout(_WINDOW_SECONDS) as deadline:
                async for piece in stream:
                    total += len(piece)
                    waiting += len(piece)
                    in_window += len(piece)
                    if total > limit:
                        raise _too_large(limit)
                    pieces.append(piece)
                    if waiting >= _BUFFER:
                        await asyncio.to_thread(_append, file, pieces)
                        pieces, waiting = [], 0
                    # The deadline moves on only for who has sent enough since it was set.
                    if in_window >= _WINDOW_BYTES:
                        deadline.reschedule(loop.time() + _WINDOW_SECONDS)
                        in_window = 0
        except TimeoutError:
            raise BadRequest(
                "the upload came in slower than 10 KiB/s", headers={"Connection": "close"}
            ) from None
        await asyncio.to_thread(_append, file, pieces)


def _append(file: BinaryIO, pieces: list[bytes]) -> None:
    file.writelines(pieces)


def _check_room(folder: Path, announced: int, limit: int) -> None:
    if announced > limit:
        raise _too_large(limit)
    if shutil.disk_usage(folder).free < announced + _SPARE_BYTES:
        raise _full()


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"the upload is larger than {limit} bytes", headers={"Connection": "close"}
    )


def _full() -> InsufficientStorage:
    return InsufficientStorage("the service's disk is full; nothing was changed")
