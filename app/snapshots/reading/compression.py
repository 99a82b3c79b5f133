"""The plain form of compressed uploads."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

import zstandard

from app.core.errors import Invalid
from app.snapshots.engine import Upload

_CHUNK = 4 * 1024 * 1024
_MAX_PLAIN = 64 * 1024**3  # bytes of an upload after decompression


def uncompressed(upload: Upload, plain: Path) -> Path:
    """Decompress an upload to ``plain`` if it is compressed. Returns the plain file. Raises Invalid for damaged data."""
    encoding = upload.encoding or _recognised(upload.path)
    if encoding is None:
        return upload.path
    try:
        with upload.path.open("rb") as raw, plain.open("wb") as out:
            pieces = _gunzip(raw) if encoding == "gzip" else _unzstd(raw)
            size = 0
            for piece in pieces:
                size += len(piece)
                if size > _MAX_PLAIN:
                    raise Invalid(f"The uncompressed upload is larger than {_MAX_PLAIN >> 30} GiB.")
                out.write(piece)
    except EOFError:
        raise Invalid(f"The {encoding} data is incomplete: the upload was cut off.") from None
    except (zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise Invalid(f"The upload is not valid {encoding} data ({error}).") from None
    return plain


def _recognised(path: Path) -> Literal["gzip", "zstd"] | None:
    """Return the compression by the first bytes. Raises Invalid for archives and workbooks."""
    with path.open("rb") as file:
        first = file.read(8)
    if first.startswith(b"\x1f\x8b"):
        return "gzip"
    if first.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd"
    if first.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Invalid(
            'This is a workbook (xlsx, xls) or a zip archive. Save the sheet as "CSV UTF-8", or upload '
            "the file of the archive, compressed with gzip if needed."
        )
    return None


def _gunzip(raw: IO[bytes]) -> Iterator[bytes]:
    with gzip.open(raw) as stream:
        while piece := stream.read(_CHUNK):
            yield piece


def _unzstd(raw: IO[bytes]) -> Iterator[bytes]:
    """Decompress all frames. Raises EOFError if the last one is incomplete; the library's reader does not report that."""
    frame, left, any_frame = zstandard.ZstdDecompressor().decompressobj(), b"", False
    while piece := left or raw.read(_CHUNK // 8):
        any_frame = True
        yield frame.decompress(piece)
        left = b""
        if frame.eof:
            left = frame.unused_data
            frame, any_frame = zstandard.ZstdDecompressor().decompressobj(), False
    if any_frame:
        raise EOFError
