"""Small inputs that ask for very much memory, time or disk."""

from __future__ import annotations

import gzip
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

MEBIBYTE = 1024**2


def nested_brackets(depth: int = 45) -> str:
    """A definition of about 140 characters with a list in lists."""
    return f"SELECT '1' AS profile_id, {'[' * depth}1{']' * depth} AS n"


LONG_VALUE = "SELECT '1' AS profile_id, repeat('x', 1000000000) AS big"
ENDLESS = "SELECT sha256(i::VARCHAR) AS profile_id FROM range(1000000000000) x(i)"

SLOW = "SELECT count(*)::VARCHAR AS profile_id FROM range(100000000000) x(i), range(1000) y(j)"


def columns(number: int) -> bytes:
    """CSV with this many columns and one row."""
    header = ",".join(f"c{column}" for column in range(number))
    return f"{header}\n{','.join('1' * number)}\n".encode()


def zstd_bomb(mebibytes: int = 3072) -> bytes:
    """One CSV line, repeated: 3 GiB of it are about 270 KB."""
    line = b"p1,ada@example.com\n"
    block = line * (MEBIBYTE // len(line))
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    parts = [packer.compress(b"profile_id,email\n")]
    parts += [packer.compress(block) for _ in range(mebibytes)]
    return b"".join(parts) + packer.flush()


def gzip_bomb(mebibytes: int) -> bytes:
    """CSV of one MiB, compressed, in as many parts of a gzip file."""
    block = b"".join(b"%07d," % row + b"x" * 1012 + b"\n" for row in range(1024))
    return gzip.compress(b"profile_id,note\n") + gzip.compress(block, 9) * mebibytes


def nested_parquet(depth: int = 60) -> bytes:
    """One row with a list in lists: about 7 KB."""
    kind: pa.DataType = pa.int64()
    value: Any = 1
    for _ in range(depth):
        kind, value = pa.list_(kind), [value]
    out = io.BytesIO()
    pq.write_table(pa.table({"profile_id": ["1"], "n": pa.array([value], kind)}), out)
    return out.getvalue()


def long_value_gzip() -> bytes:
    """One CSV value of 1 GiB in quotes, compressed to 1 MB."""
    packer = gzip.compress(b"x" * MEBIBYTE, 9)
    return gzip.compress(b'profile_id,note\np1,"') + packer * 1024 + gzip.compress(b'"\n')
