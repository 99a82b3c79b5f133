"""Targets of finished files: the export folder, or an object store that never shows an incomplete file."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.fs as pafs

from app.connectors.base import ExportFolder
from app.connectors.destinations.file_export.failures import as_connector_error, is_refusal

_BUFFER = 8 * 1024 * 1024
_LARGEST_COPY = 5 * 1024**3  # S3 copies larger objects in parts only


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
    """A bucket behind a file system of pyarrow.

    pyarrow cannot abort an upload: a broken upload stores the bytes so far. So the file is uploaded as ``.part``, its
    size is compared, and then it is copied to its name. If the key may only write, or the file is too large for a copy,
    it is uploaded to its name in one go: a store shows an object when its upload is complete.
    """

    def __init__(
        self,
        files: pafs.FileSystem,
        bucket: str,
        prefix: str,
        where: str,
        secrets_masked: Sequence[str] = (),
    ) -> None:
        self._files = files
        self._root = f"{bucket}/{prefix}"
        self._where = where
        self._secrets = secrets_masked

    async def publish(self, name: str, path: Path) -> str:
        try:
            await asyncio.to_thread(self._upload, self._root + name, path)
        except (OSError, pa.ArrowException) as error:
            raise as_connector_error(error, self._where, self._secrets) from error
        return self._root + name

    def _upload(self, final: str, path: Path) -> None:
        if path.stat().st_size > _LARGEST_COPY or not self._may_read(final):
            self._write(final, path)
            if self._may_read(final):
                self._compare(final, path)
            return
        part = final + ".part"
        try:
            self._write(part, path)
            self._compare(part, path)
            self._files.copy_file(part, final)
        except BaseException:
            self._delete(part)
            raise
        self._delete(part)

    def _write(self, name: str, path: Path) -> None:
        with path.open("rb") as source, self._files.open_output_stream(name) as stream:
            shutil.copyfileobj(source, stream, _BUFFER)

    def _compare(self, name: str, path: Path) -> None:
        there, here = self._files.get_file_info(name).size, path.stat().st_size
        if there != here:
            raise OSError(f"{there} of {here} bytes arrived")

    def _may_read(self, name: str) -> bool:
        """Return whether the key may ask for an object's size. Other errors are raised."""
        try:
            self._files.get_file_info(name)
        except (OSError, pa.ArrowException) as error:
            if is_refusal(error):
                return False
            raise
        return True

    def _delete(self, name: str) -> None:
        with contextlib.suppress(OSError, pa.ArrowException):
            self._files.delete_file(name)

    async def check(self) -> str:
        # Always the same name, because a key that may only write leaves the file.
        name = f"{self._root}.activations-check"
        try:
            missing = await asyncio.to_thread(self._missing_permissions, name)
        except (OSError, pa.ArrowException) as error:
            raise as_connector_error(error, self._where, self._secrets) from error
        written = f"{self._where} can be written"
        if not missing:
            return written
        lacks = f"{written}. The key may not {' and not '.join(missing)}"
        if "read" in missing:
            return f"{lacks}; this is enough, but the size of a written file is not compared."
        return f"{lacks}, so files with the ending .part remain beside the finished files."

    def _missing_permissions(self, name: str) -> list[str]:
        """Write a file, read its size and delete it. Returns what the key may not do of: read, delete."""
        with self._files.open_output_stream(name) as stream:
            stream.write(b"check")
        missing = [] if self._may_read(name) else ["read"]
        try:
            self._files.delete_file(name)
        except (OSError, pa.ArrowException) as error:
            if not is_refusal(error):
                raise
            missing.append("delete")
        return missing
