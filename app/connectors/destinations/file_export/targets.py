"""Targets of finished files: the export folder, or an object store that never shows an incomplete file."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.fs as pafs

from app.connectors.base import ExportFolder
from app.connectors.destinations.file_export.failures import as_connector_error

_BUFFER = 8 * 1024 * 1024


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
    size is compared, and then it is copied to its name.
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
        part = final + ".part"
        try:
            with path.open("rb") as source, self._files.open_output_stream(part) as stream:
                shutil.copyfileobj(source, stream, _BUFFER)
            there, here = self._files.get_file_info(part).size, path.stat().st_size
            if there != here:
                raise OSError(f"{there} of {here} bytes arrived")
            self._files.copy_file(part, final)
        except BaseException:
            self._delete(part)
            raise
        self._delete(part)

    def _delete(self, name: str) -> None:
        with contextlib.suppress(OSError, pa.ArrowException):
            self._files.delete_file(name)

    async def check(self) -> str:
        name = f"{self._root}.check-{secrets.token_hex(8)}"
        try:
            await asyncio.to_thread(self._write_and_delete, name)
        except (OSError, pa.ArrowException) as error:
            raise as_connector_error(error, self._where, self._secrets) from error
        return f"{self._where} can be written"

    def _write_and_delete(self, name: str) -> None:
        with self._files.open_output_stream(name) as stream:
            stream.write(b"check")
        self._files.delete_file(name)
