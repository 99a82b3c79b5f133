"""Parts of a local file as bodies of requests, with their checksums."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx

_READ = 1024 * 1024  # bytes read from the disk at once
_SLICE = 64 * 1024  # bytes given to the connection at once


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file: where they begin, how many, their SHA-256 (hexadecimal) and MD5."""

    path: Path
    start: int
    size: int
    sha256: str
    md5: bytes

    def stream(self) -> httpx.AsyncByteStream:
        """Return the bytes as the body of a request. It can be read again."""
        return _Stream(self)


class _Stream(httpx.AsyncByteStream):
    def __init__(self, part: Part) -> None:
        self._part = part

    async def __aiter__(self) -> AsyncIterator[bytes]:
        part = self._part
        for begin in range(part.start, part.start + part.size, _READ):
            wanted = min(_READ, part.start + part.size - begin)
            block = await asyncio.to_thread(_read, part.path, begin, wanted)
            for start in range(0, len(block), _SLICE):
                yield block[start : start + _SLICE]


def _read(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


async def read_part(path: Path, start: int, size: int) -> Part:
    """Read a part of a file once, for its checksums."""
    return await asyncio.to_thread(_digests, path, start, size)


def _digests(path: Path, start: int, size: int) -> Part:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        file.seek(start)
        left = size
        while left and (block := file.read(min(_READ, left))):
            sha256.update(block)
            md5.update(block)
            left -= len(block)
    return Part(path, start, size, sha256.hexdigest(), md5.digest())


def cuts(size: int, part_size: int, most: int) -> list[tuple[int, int]]:
    """Return ``(start, size)`` of the parts of a file: of ``part_size``, or larger if there would be more than ``most``."""
    step = max(part_size, -(-size // most))
    return [(start, min(step, size - start)) for start in range(0, size, step)]
