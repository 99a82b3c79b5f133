"""The plain form of compressed uploads."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

import pyarrow as pa

from app.core.errors import Invalid
from app.snapshots.engine import Upload

_CHUNK = 4 * 1024 * 1024
_ADVICE = "Upload the file in it, compressed with gzip or zstd if needed."
#: First bytes of files that are not read, with what they are, and the alternative.
_OTHERS: tuple[tuple[tuple[bytes, ...], str, str], ...] = (
    (
        (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"),
        "a workbook of Excel (xlsx, xls) or a zip archive",
        'Save the sheet as "CSV UTF-8", or upload the file of the archive, compressed with gzip if needed.',
    ),
    ((b"BZh",), "a bzip2 archive", _ADVICE),
    ((b"\xfd7zXZ\0",), "an xz archive", _ADVICE),
    ((b"7z\xbc\xaf\x27\x1c",), "a 7z archive", _ADVICE),
    ((b"Rar!\x1a",), "a RAR archive", _ADVICE),
    ((b"%PDF-",), "a PDF", "Export the table as CSV."),
)
_MAX_PLAIN = 64 * 1024**3  # bytes of an upload after decompression


def compression(upload: Upload) -> Literal["gzip", "zstd"] | None:
    """Return the announced compression of an upload, or the one of its first bytes. Raises Invalid for archives."""
    return upload.encoding or _recognised(upload)


def decompress(upload: Upload, encoding: Literal["gzip", "zstd"], plain: Path) -> None:
    """Write the plain form of a compressed upload. Raises Invalid for damaged data."""
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
    except (zlib.error, gzip.BadGzipFile, _NotZstd) as error:
        raise Invalid(f"The upload is not valid {encoding} data ({error}).") from None


def _recognised(upload: Upload) -> Literal["gzip", "zstd"] | None:
    """Return the compression by the first bytes. Raises Invalid for files of other kinds."""
    with upload.path.open("rb") as file:
        first = file.read(16)
    if first.startswith(b"\x1f\x8b"):
        return "gzip"
    if first.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd"
    if first.startswith(b"PAR1") and upload.format != "parquet":
        raise Invalid("This is a Parquet file; send it as application/vnd.apache.parquet.")
    for marks, name, advice in _OTHERS:
        if first.startswith(marks):
            raise Invalid(f"This is {name}. {advice}")
    return None


def _gunzip(raw: IO[bytes]) -> Iterator[bytes]:
    with gzip.open(raw) as stream:
        while piece := stream.read(_CHUNK):
            yield piece


def _unzstd(raw: IO[bytes]) -> Iterator[bytes]:
    """Decompress all frames, a few MiB at a time. Raises EOFError if the last one is incomplete.

    The reader of the library zstandard does not report an incomplete frame, and its other interface returns all that a
    piece decompresses to: up to gigabytes.
    """
    try:
        with pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd") as stream:
            while piece := stream.read(_CHUNK):
                yield piece
    except OSError as error:
        if "Truncated" in str(error):
            raise EOFError from None
        raise _NotZstd(str(error)) from None


class _NotZstd(Exception):
    """Data that is not valid zstd."""
