"""A search for names in what is stored, by readers that the product does not use for its own rewriting.

Each name is searched for in upper and lower case, in web addresses, as a hash, in base64 and hexadecimal, and as a number with
and without its plus.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import io
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis
import zstandard

from app.embedded.binaries import find_postgres
from app.embedded.errors import ServersUnavailable


def forms(*names: str) -> dict[bytes, str]:
    """Return all forms of names in lower case, each with its name."""
    found: dict[bytes, str] = {}
    for name in names:
        for text in {name, name.lower(), name.upper(), name.lstrip("+")}:
            hashed = text.encode()
            digests = (
                hashlib.sha256(hashed).hexdigest(),
                hashlib.md5(hashed, usedforsecurity=False).hexdigest(),
            )
            encoded = (base64.b64encode(hashed).decode().rstrip("="), hashed.hex())
            for form in (text, quote(text, safe=""), quote(text, safe="@"), *digests, *encoded):
                found[form.lower().encode()] = name
    return found


def traces(content: Mapping[str, Iterable[bytes]], *names: str) -> list[str]:
    """Return where names are found: ``<place>: <form>``."""
    searched = forms(*names)
    return [
        f"{place}: {form.decode()}"
        for place, pieces in content.items()
        for piece in map(bytes.lower, pieces)
        for form in searched
        if form in piece
    ]


def dump(database_url: str) -> bytes:
    """Return the whole database as text, after a vacuum. Skips the test if there is no pg_dump."""
    try:
        program = find_postgres() / "pg_dump"
    except ServersUnavailable:
        pytest.skip("pg_dump of the embedded PostgreSQL is not installed")
    vacuum = [str(program.with_name("psql")), "-qc", "VACUUM", database_url]
    subprocess.run(vacuum, check=True, timeout=60, stderr=subprocess.DEVNULL)
    done = subprocess.run([program, database_url], capture_output=True, check=True, timeout=60)
    return done.stdout


def pieces(content: bytes) -> Iterator[bytes]:
    """Yield the bytes of a file, what is compressed in it, and each column of Parquet with its dictionaries and statistics."""
    yield content
    if content[:2] == b"\x1f\x8b":
        yield from pieces(gzip.decompress(content))
    if content[:4] == b"\x28\xb5\x2f\xfd":
        yield from pieces(zstandard.ZstdDecompressor().stream_reader(content).read())
    if content[:4] == b"PAR1":
        yield from _of_parquet(content)


def _of_parquet(content: bytes) -> Iterator[bytes]:
    file = pq.ParquetFile(io.BytesIO(content))
    yield str(file.schema_arrow).encode()
    for key, value in (file.schema_arrow.metadata or {}).items():
        yield key + b"=" + value
    for group in range(file.num_row_groups):
        for column in range(file.metadata.num_columns):
            statistics = file.metadata.row_group(group).column(column).statistics
            if statistics is not None and statistics.has_min_max:
                yield f"{statistics.min} {statistics.max}".encode()
    texts = [name.name for name in file.schema_arrow if pa.types.is_string(name.type)]
    read = pq.ParquetFile(io.BytesIO(content), read_dictionary=texts).read()
    for name in texts:
        for chunk in read[name].chunks:
            yield repr(chunk.dictionary.to_pylist()).encode()
    table = file.read()
    with duckdb.connect() as connection:
        connection.register("stored", table)
        for name in table.column_names:
            quoted = '"' + name.replace('"', '""') + '"'
            rows = connection.execute(f"SELECT CAST({quoted} AS VARCHAR) FROM stored").fetchall()
            yield "\n".join(text for (text,) in rows if text is not None).encode()


def files(folder: Path, without: Path | None = None) -> dict[str, Iterable[bytes]]:
    """Return the files below a folder, with their names and their pieces. ``without`` is a folder inside it that is left out."""
    return {
        name: chain([name.encode()], pieces(path.read_bytes()))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not (without and path.is_relative_to(folder / without))
        for name in [str(path.relative_to(folder))]
    }


def redis_entries(url: str) -> dict[str, Iterable[bytes]]:
    """Return all keys of Redis, each with its value, a value of several parts in one text."""
    found: dict[str, Iterable[bytes]] = {}
    with redis.Redis.from_url(url) as connection:
        read: dict[bytes, Callable[[bytes], Any]] = {
            b"string": connection.get,
            b"hash": connection.hgetall,
            b"list": lambda key: connection.lrange(key, 0, -1),
            b"set": connection.smembers,
            b"zset": lambda key: connection.zrange(key, 0, -1, withscores=True),
            b"stream": connection.xrange,
        }
        for key in connection.scan_iter():
            kind = connection.type(key)
            value = repr(read[kind](key)) if kind != b"none" else ""  # it has just expired
            found[key.decode()] = [key, value.encode()]
    return found


async def dumped(database_url: str) -> bytes:
    """Return ``dump`` without blocking."""
    return await asyncio.to_thread(dump, database_url)
