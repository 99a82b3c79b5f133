"""The object store: immutable files with keys, on the local disk, S3 or Google Cloud Storage.

The URLs are those of ``storage_url``.

The library is ``pyarrow``, not ``obstore`` 0.12, because speed does not decide and ``obstore`` needs boto3 to assume a role
with an external id. Milliseconds to put and fetch a file of 100 MB with checksum, ``pyarrow`` here and ``obstore``: local
folder 164 and 0 (a hard link), 281 and 868; S3 emulator (``moto``) 2,716 and 843, 2,710 and 645. ``obstore`` also follows
redirects for HEAD and bulk deletes, which a guarded client must refuse.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from app.core.ids import new_id
from app.core.object_backends import (
    Bucket,
    LocalFolder,
    ObjectDamaged,
    ObjectMissing,
    StoreAway,
    StoreError,
    is_unfinished,
    open_gcs,
    open_s3,
)
from app.core.storage_url import parse_storage_url
from app.core.threads import to_its_end

__all__ = [
    "ObjectDamaged",
    "ObjectMissing",
    "ObjectStore",
    "StoreAway",
    "StoreError",
    "checked_key",
    "is_unfinished",
]

T = TypeVar("T")

_CHUNK = 1024 * 1024
ASK_AGAIN = 5.0  # seconds
PATIENCE = 2.0  # seconds


def checked_key(key: str) -> str:
    """Return the key if it is a plain relative path. Raises ValueError otherwise (R41)."""
    parts = key.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\\" in key or not key.isprintable():
        raise ValueError(f"not a key of the object store: {key!r}")
    return key


class _Backend(Protocol):
    """The methods of each kind of store. All of them block."""

    def put(self, local: Path, key: str) -> None: ...

    def fetch(self, key: str, sha256: str) -> Path: ...

    def at_hand(self, key: str, sha256: str) -> bool: ...

    def delete(self, key: str) -> None: ...

    def list(self, prefix: str) -> Iterator[tuple[str, int, datetime]]: ...

    def exists(self, key: str) -> bool: ...

    def look(self) -> None: ...

    def open(self, key: str) -> Any: ...


class ObjectStore:
    """Files with keys. A key is never reused, so fetched files stay valid."""

    def __init__(self, backend: _Backend) -> None:
        self._backend = backend
        self._fault: str | None = None  # of the last call
        self._asking: asyncio.Task[str | None] | None = None
        self._asked_at = -ASK_AGAIN

    @classmethod
    def from_url(
        cls, url: str, cache: Path, defaults: Mapping[str, Mapping[str, str]] | None = None
    ) -> ObjectStore:
        """Open the store of a URL. ``cache`` is a local folder for copies of remote objects.

        ``defaults`` are options by kind of store (``s3``, ``gs``), for what the URL does not give.

        Raises ValueError if the URL is malformed or has unknown options.
        """
        place = parse_storage_url(url)
        if place.kind == "file":
            return cls(LocalFolder(Path(place.root)))
        options = {**(defaults or {}).get(place.kind, {}), **place.options}
        system = open_s3(options) if place.kind == "s3" else open_gcs(options)
        return cls(Bucket(system, place.root, cache))

    async def put(self, local: Path, key: str) -> tuple[str, int]:
        """Store a finished local file durably. Returns its SHA-256 (hex) and its size in bytes.

        The local file must not be changed afterwards, since a local store may hold a hard link to it.
        """
        digest, size = await asyncio.to_thread(_synced, local)
        await self._call(self._backend.put, local, checked_key(key))
        return digest, size

    async def fetch(self, key: str, sha256: str) -> Path:
        """Return a local path with the bytes of the object, for reading only. Raises ObjectMissing or ObjectDamaged."""
        return await self._call(self._backend.fetch, checked_key(key), sha256)

    async def at_hand(self, key: str, sha256: str) -> bool:
        """Return whether the object is on this machine, so that fetching it is free."""
        return await self._call(self._backend.at_hand, checked_key(key), sha256)

    async def delete(self, key: str) -> None:
        """Remove an object. A missing object is no error."""
        await self._call(self._backend.delete, checked_key(key))

    async def exists(self, key: str) -> bool:
        """Return whether there is an object with this key."""
        return await self._call(self._backend.exists, checked_key(key))

    async def try_out(self) -> None:
        """Write a small object, read it back and delete it. Raises StoreAway or ObjectDamaged."""
        key = new_id("check")
        content = key.encode()

        def carry_out() -> None:
            with tempfile.TemporaryDirectory() as folder:
                local = Path(folder) / "check"
                local.write_bytes(content)
                self._backend.put(local, key)
            with self._backend.open(key) as stored:
                if bytes(stored.read()) != content:
                    raise ObjectDamaged(f"{key} is not what was stored")
            self._backend.delete(key)

        await self._call(carry_out)

    async def fault(self) -> str | None:
        """Return why the store cannot be used now, or None. Asks at most every 5 s, and waits at most 2 s."""
        loop = asyncio.get_running_loop()
        if self._asking is None and loop.time() - self._asked_at >= ASK_AGAIN:
            self._asked_at = loop.time()
            self._asking = loop.create_task(self._ask())
            self._asking.add_done_callback(self._asking_ended)
        if self._asking is not None:
            done, _ = await asyncio.wait([self._asking], timeout=PATIENCE)
            if not done:
                return "it does not respond in time"
        return self._fault

    def _asking_ended(self, _: asyncio.Task[str | None]) -> None:
        self._asking = None

    async def _ask(self) -> str | None:
        """Look at the store; after a failure, try everything out, because the failure may have been of writing."""
        with contextlib.suppress(StoreError):
            if self._fault is None:
                await self._call(self._backend.look)
            else:
                await self.try_out()
        return self._fault

    async def _call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function of the store in a thread. Raises StoreAway for what the operating system or the library raises."""
        try:
            result = await asyncio.to_thread(function, *arguments)
        except StoreError:
            raise
        except OSError as error:
            self._fault = _reason(error)
            raise StoreAway(self._fault, error.errno) from error
        self._fault = None
        return result

    async def list(self, prefix: str = "") -> AsyncIterator[tuple[str, int, datetime]]:
        """Yield ``(key, bytes, time of writing)`` of all objects in the folder ``prefix``."""
        folder = prefix.rstrip("/")
        entries = self._backend.list(checked_key(folder) if folder else "")
        while (page := await self._call(_page, entries)) != []:
            for entry in page:
                yield entry

    async def open_read(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes of an object in pieces of 1 MiB. Raises ObjectMissing."""
        stream = await self._call(self._backend.open, checked_key(key))
        try:
            while piece := await to_its_end(self._call(stream.read, _CHUNK)):
                yield bytes(piece)
        finally:
            await asyncio.to_thread(stream.close)


def _reason(error: OSError) -> str:
    """Return why a call failed, in one line and without the key, which may name a tenant's resources."""
    if error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    if found := re.search(r"AWS Error (\w+) .*?operation: (.*?)(?: \(Request ID|$)", text):
        return f"{found[1]}: {found[2]}"
    return text.rpartition("': ")[2][:300]


def _synced(local: Path) -> tuple[str, int]:
    """Write a file to the disk. Returns its SHA-256 and its size."""
    with local.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.seek(0, os.SEEK_END)
        os.fsync(file.fileno())
    return digest, size


def _page(entries: Iterator[tuple[str, int, datetime]]) -> list[tuple[str, int, datetime]]:
    return [entry for _, entry in zip(range(1000), entries, strict=False)]
