"""Uploads: from a request to a local file, with a size limit and a minimum rate, never held in memory (R35)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from app.core.config import Settings
from app.core.disk_reserve import disk_full, has_room, is_full
from app.core.errors import (
    BadRequest,
    Invalid,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from app.core.threads import in_thread
from app.domain.charsets import DETECT
from app.domain.file_formats import FileFormat, ending_of, format_of
from app.domain.file_options import misplaced_option, read_charset, read_delimiter
from app.snapshots.engine import Engine, Upload

_BUFFER = 1024 * 1024
_WINDOW_SECONDS = 30.0
_WINDOW_BYTES = 30 * 10 * 1024  # 10 KiB/s

CONTENT_TYPES: dict[FileFormat, str] = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
_FORMATS: dict[str, FileFormat] = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/vnd.apache.parquet": "parquet",
}

_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")


def upload_kind(
    content_type: str | None, content_encoding: str | None
) -> tuple[FileFormat, Literal["gzip", "zstd"] | None]:
    """Return format and compression by the headers. Raises UnsupportedMediaType, naming what is accepted."""
    form = _FORMATS.get((content_type or "").partition(";")[0].strip().lower())
    if form is None:
        raise UnsupportedMediaType(
            "send text/csv, application/x-ndjson or application/vnd.apache.parquet"
        )
    match (content_encoding or "identity").strip().lower():
        case "" | "identity":
            return form, None
        case "gzip" | "x-gzip":
            return form, "gzip"
        case "zstd":
            return form, "zstd"
        case _:
            raise UnsupportedMediaType("Content-Encoding may be gzip or zstd")


def type_of_file(name: str) -> str:
    """Return the content type of a file by the end of its name: ``text/csv`` for ``people.csv.gz``.

    Raises UnsupportedMediaType, naming what is accepted.
    """
    if ending_of(name) in _SPREADSHEETS:
        raise UnsupportedMediaType(
            f"{name} is a spreadsheet. Save it as CSV (UTF-8), and upload that file.", field="file"
        )
    found = format_of(name)
    if found is None:
        raise UnsupportedMediaType(
            f"{name}: the name must end in .csv, .tsv, .txt, .ndjson, .jsonl or .parquet; also with .gz or .zst after it.",
            field="file",
        )
    return CONTENT_TYPES[found]


def upload_charset(content_type: str | None) -> str | None:
    """Return the encoding that a content type names, as in ``text/csv; charset=windows-1252``, or ``detect``. None: UTF-8, or a byte order mark.

    Raises UnsupportedMediaType, naming what is accepted.
    """
    named = re.search(r";\s*charset\s*=\s*\"?([^\s;\"]+)", (content_type or "").lower())
    if named is None or named[1] == DETECT:
        return named and DETECT
    try:
        return read_charset(named[1])
    except ValueError as error:
        raise UnsupportedMediaType(str(error)) from None


def _upload_delimiter(text: str | None) -> str | None:
    """Return the delimiter that a request names: in words or as one character. Raises Invalid for anything else."""
    if text is None:
        return None
    try:
        return read_delimiter(text)
    except ValueError as error:
        raise Invalid(f"delimiter {error}", field="delimiter") from None


def usual_delimiter(report: Mapping[str, Any] | None) -> str | None:
    """Return the delimiter in the stored report (``UploadReport``) on an earlier upload, if it has one."""
    return ((report or {}).get("dialect") or {}).get("delimiter")


@asynccontextmanager
async def receive_upload(
    engine: Engine,
    settings: Settings,
    stream: AsyncIterator[bytes],
    *,
    content_type: str | None,
    content_encoding: str | None,
    announced: int | None,
    delimiter: str | None = None,
    charset: str | None = None,
) -> AsyncIterator[Upload]:
    """Write an upload to a scratch file, which is deleted when the block ends.

    ``announced`` is the Content-Length, if there is one; ``delimiter`` and ``charset`` are what a user says about the file, the
    encoding also within the content type.

    Raises:
        PayloadTooLarge: above ``max_upload_bytes``.
        InsufficientStorage: the disk is full.
        BadRequest: slower than 10 KiB/s over 30 seconds.
        UnsupportedMediaType: another type, charset or compression.
        Invalid: the delimiter is no character, or the format has no such option.
    """
    separator = _upload_delimiter(delimiter)
    form, encoding = upload_kind(content_type, content_encoding)
    charset = read_charset(charset) if charset else upload_charset(content_type)
    if form == "parquet" and charset == DETECT:
        charset = None
    if (misplaced := misplaced_option(form, separator, charset)) is not None:
        raise Invalid("an option that the format does not have", problems=[misplaced])
    path = engine.scratch_file(f".{form}")
    _check_room(path.parent, announced or 0, settings.max_upload_bytes)
    try:
        await _write(path, stream, settings.max_upload_bytes)
        yield Upload(
            path=path, format=form, encoding=encoding, charset=charset, delimiter=separator
        )
    except OSError as error:
        if is_full(error):
            raise disk_full() from None
        raise
    finally:
        path.unlink(missing_ok=True)


async def _write(path: Path, stream: AsyncIterator[bytes], limit: int) -> None:
    total = in_window = 0
    loop = asyncio.get_running_loop()
    with path.open("xb") as file:
        buffer = _Buffer(file)
        try:
            async with asyncio.timeout(_WINDOW_SECONDS) as deadline:
                async for piece in stream:
                    total += len(piece)
                    in_window += len(piece)
                    if total > limit:
                        raise _too_large(limit)
                    await buffer.add(piece)
                    # The deadline moves only after enough bytes have come in since it was set.
                    if in_window >= _WINDOW_BYTES:
                        deadline.reschedule(loop.time() + _WINDOW_SECONDS)
                        in_window = 0
        except TimeoutError:
            raise _too_slow() from None
        await buffer.flush()


class _Buffer:
    """Pieces that are written to a file together, in a thread."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._pieces: list[bytes] = []
        self._size = 0

    async def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= _BUFFER:
            await self.flush()

    async def flush(self) -> None:
        pieces, self._pieces, self._size = self._pieces, [], 0
        await in_thread(self._file.writelines, pieces)


def _check_room(folder: Path, announced: int, limit: int) -> None:
    if announced > limit:
        raise _too_large(limit)
    if not has_room(folder, announced):
        raise disk_full()


def _too_slow() -> BadRequest:
    return BadRequest("the upload came in slower than 10 KiB/s", headers={"Connection": "close"})


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"the upload is larger than {limit} bytes", headers={"Connection": "close"}
    )
