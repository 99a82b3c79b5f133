"""Which uploads are so small and plain that the process itself reads them.

A child costs about 70 ms of processor time, ten times as much as a small file needs. A file with few columns, without nested
values and without compression cannot need much memory or time.
"""

from __future__ import annotations

import re

from app.snapshots.engine.inputs import Upload

_BYTES = 64 * 1024
_COLUMNS = 50


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
