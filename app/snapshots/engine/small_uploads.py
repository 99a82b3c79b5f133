"""What is known of an upload before it is read: whether it is so small and plain that the process itself reads it, and its columns.

A child costs about 70 ms of processor time, ten times as much as a small file needs. A file with few columns, without nested
values and without compression cannot need much memory or time.
"""

from __future__ import annotations

import re

import pyarrow.parquet as pq

from app.snapshots.engine.inputs import Upload

_BYTES = 64 * 1024
_COLUMNS = 50
_DELIMITERS = rb"[^\w .\"-]"  # any character that may be one, or that is not ASCII


def is_small(upload: Upload) -> bool:
    """Return whether an upload is uncompressed text of at most 64 KiB with at most 50 columns, none of them nested."""
    if upload.encoding is not None or upload.format == "parquet":
        return False
    if upload.path.stat().st_size > _BYTES:
        return False
    raw = upload.path.read_bytes()
    try:
        raw.decode()
    except UnicodeDecodeError:  # compressed, or in another encoding
        return False
    lines = raw.splitlines() if upload.format == "ndjson" else re.split(rb"[\r\n]", raw)
    if upload.format == "csv":
        return max(len(re.findall(rb"[,;\t|]", line)) for line in lines) < _COLUMNS
    return (
        b"[" not in raw
        and raw.count(b"{") <= len(lines)
        and max((line.count(b":") for line in lines), default=0) < _COLUMNS
    )


def has_long_rows(upload: Upload) -> bool:
    """Return whether an upload may have several columns: it needs more memory, and is sorted faster with it.

    A CSV file without compression whose header has no delimiter has one column.
    """
    if upload.format == "parquet":
        try:
            return len(pq.read_schema(upload.path)) > 1
        except (OSError, ValueError):  # damaged, as its reader reports
            return True
    if upload.format != "csv" or upload.encoding is not None:
        return True
    with upload.path.open("rb") as file:
        head = re.split(rb"[\r\n]", file.read(_BYTES), maxsplit=1)[0]
    return len(head) == _BYTES or re.search(_DELIMITERS, head) is not None
