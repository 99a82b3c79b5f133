"""The plain form of compressed uploads."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import zstandard

from app.core.errors import Invalid
from app.snapshots.engine import Upload

_CHUNK = 4 * 1024 * 1024
_MAX_PLAIN = 64 * 1024**3  # bytes of an upload after decompression


def uncompressed(upload: Upload, plain: Path) -> Path:
    """Decompress an upload to ``plain`` if it is compressed. Returns the plain file. Raises Invalid for damaged data."""
    if upload.encoding is None:
        return upload.path
    try:
        with upload.path.open("rb") as raw, plain.open("wb") as out:
            pieces = _gunzip(raw) if upload.encoding == "gzip" else _unzstd(raw)
            size = 0
            for piece in pieces:
                size += len(piece)
                if size > _MAX_PLAIN:
                    raise Invalid(f"The uncompressed upload is larger than {_MAX_PLAIN >> 30} GiB.")
                out.write(piece)
    except EOFError:
        raise Invalid(
            f"The {upload.encoding} data is incomplete: the upload was cut off."
        ) from None
    except (zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise Invalid(f"The upload is not valid {upload.encoding} data ({error}).") from None
    return plain


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
