"""Targets of finished files: the export folder, or an object store that never shows an incomplete file."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
from pathlib import Path
from typing import Protocol

from app.connectors.base import ExportFolder
from app.connectors.destinations.file_export.failures import as_connector_error
from app.connectors.destinations.file_export.stores import Store, is_same
from app.connectors.errors import ConnectorError, Unconfirmed
from app.connectors.object_stores.failures import Denied, Kept

_DELETE_SECONDS = 5
_CANNOT_COPY = ("NotImplemented", "unconfirmed")


class Target(Protocol):
    """Receives finished local files."""

    async def publish(self, name: str, path: Path) -> str:
        """Publish a local file completely or not at all. Returns its key."""

    async def check(self) -> str:
        """Write a file and delete it. Returns the message of success. Raises a ConnectorError."""


class DownloadTarget:
    """The folder from which the API serves downloads."""

    def __init__(self, exports: ExportFolder, folder: str) -> None:
        self._exports = exports
        self._folder = folder

    async def publish(self, name: str, path: Path) -> str:
        key = f"{self._folder}/{name}"
        try:
            await self._exports.publish(key, str(path))
        except OSError as error:
            raise as_connector_error(error, "the export folder") from error
        return key

    async def check(self) -> str:
        return "files are stored for download"


class StoreTarget:
    """A bucket.

    The file is written as ``.part``, its size and checksum are read back, and then it is copied to its name. If the key may
    only write, it is written to its name: a store shows an object when its upload is complete, and its response has the
    checksum. A file that the store keeps under the same name is from an earlier attempt: names hold the sync, and a retry
    writes equal bytes.
    """

    def __init__(self, store: Store, bucket: str, prefix: str) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = prefix

    async def publish(self, name: str, path: Path) -> str:
        final = self._prefix + name
        size = (await asyncio.to_thread(path.stat)).st_size
        if await self._may_read(final):
            await self._by_way_of_a_part(final, path, size)
        else:
            with contextlib.suppress(Kept):
                checksum = await self._store.write(final, path, size)
                if await self._may_read(final):
                    await self._compare(final, size, checksum)
        return f"{self._bucket}/{final}"

    async def _by_way_of_a_part(self, final: str, path: Path, size: int) -> None:
        part = final + ".part"
        try:
            try:
                checksum = await self._store.write(part, path, size)
            except Kept:  # the key could not delete it
                part = _another(final) + ".part"
                checksum = await self._store.write(part, path, size)
            await self._compare(part, size, checksum)
            await self._compare(final, size, await self._copied(part, final, path, checksum))
        finally:
            await self._delete(part)

    async def _copied(self, part: str, final: str, path: Path, checksum: str | None) -> str | None:
        """Copy the file to its name, and return its checksum. If the store does not copy it, write it again.

        Some stores do not copy in parts. A key may be allowed to write, and not to read what a copy reads, such as contents that
        the store has encrypted with a key of its own (``kms:Decrypt``) or tags.
        """
        size = (await asyncio.to_thread(path.stat)).st_size
        with contextlib.suppress(Kept):
            try:
                return await self._store.copy(part, final, size)
            except ConnectorError as error:
                is_refused = isinstance(error, Denied) and not isinstance(error, Kept)
                if error.code not in _CANNOT_COPY and not is_refused:
                    raise
                return await self._store.write(final, path, size)
        return checksum

    async def _compare(self, name: str, here: int, checksum: str | None) -> None:
        found = await self._store.find(name, here)
        if found is None or found.size != here:
            there = found.size if found else 0
            raise Unconfirmed(f"{self._bucket}/{name}: {there} of {here} bytes arrived")
        if not is_same(checksum, found.checksum):
            raise Unconfirmed(
                f"{self._bucket}/{name}: the checksum differs from that of the upload"
            )

    async def _may_read(self, name: str) -> bool:
        """Return whether the key may ask for an object's size. Other errors are raised."""
        try:
            await self._store.find(name)
        except Denied:
            return False
        return True

    async def _delete(self, name: str) -> None:
        with contextlib.suppress(ConnectorError, TimeoutError):
            async with asyncio.timeout(_DELETE_SECONDS):
                await self._store.delete(name)

    async def check(self) -> str:
        # The same name if the store replaces it, because a key that may only write leaves the file.
        name = f"{self._prefix}.activations-check"
        missing = await self._missing_permissions(name)
        written = f"{self._store.where} can be written"
        if not missing:
            return written
        lacks = f"{written}. The key may not {' and not '.join(missing)}"
        if "read" in missing:
            return f"{lacks}; this is enough, but the size of a written file is not compared."
        return f"{lacks}, so files with the ending .part remain beside the finished files."

    async def _missing_permissions(self, name: str) -> list[str]:
        """Write a file, read its size and delete it. Returns what the key may not do of: read, delete."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"check")
            file.flush()
            try:
                await self._store.write(name, Path(file.name), len(b"check"))
            except Kept:  # of an earlier check
                name = _another(name)
                await self._store.write(name, Path(file.name), len(b"check"))
        missing = [] if await self._may_read(name) else ["read"]
        try:
            await self._store.delete(name)
        except Denied:
            missing.append("delete")
        return missing


def _another(name: str) -> str:
    """Return a name that no object has."""
    return f"{name}.{secrets.token_hex(4)}"
