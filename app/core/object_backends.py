"""The kinds of object stores: a local folder, and a bucket of S3 or Google Cloud Storage."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.core.durable import sync_file, sync_folder
from app.core.ids import new_id

_CHUNK = 1024 * 1024
_READ_AHEAD = 16 * _CHUNK  # without a buffer, each read of a remote object is a request
_CACHE_REST = 3600.0  # seconds that a cached file is kept at least after its last use
#: Seconds after which a cached file is removed that nothing used: another worker may have deleted the object.
_LONGEST_UNUSED = 3 * 86_400.0
#: Seconds after which an unfinished file was left over by a process that was killed; each write renews its time.
_UNFINISHED = 86_400.0


#: How the names of files begin that are being written.
_TEMPORARY = ".put_"  # and an id


def is_unfinished(key: str) -> bool:
    """Return whether a key is that of a file that a process did not finish."""
    return key.rpartition("/")[2].startswith(_TEMPORARY)


class StoreError(Exception):
    """The store refused or lost an object. The message contains the key."""


class ObjectMissing(StoreError):
    """There is no object with this key."""


class ObjectDamaged(StoreError):
    """The bytes of an object differ from those that were stored."""


class StoreAway(StoreError, OSError):
    """The store cannot be reached, or refuses access. The message contains the reason; ``errno`` is that of the cause."""

    def __init__(self, reason: str, number: int | None = None) -> None:
        super().__init__(reason)
        self.errno = number


class LocalFolder:
    """Objects as files of a folder.

    Names that begin with ``.put`` are temporary files, not objects, unless they are a day old: their process was killed.
    Then they are listed, so that they are removed like any other file that nothing names.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root.resolve()
        # Folders, because a process that starts at the same moment writes a file to try the store out.
        self._had_files = any(path.is_dir() for path in self._root.iterdir())

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root):
            raise ValueError(f"the key leads out of the store: {key!r}")
        return path

    def put(self, local: Path, key: str) -> None:
        """Store a file. Raises ObjectDamaged if its size in the store differs, and OSError if the volume was unmounted."""
        target = self._path(key)
        if self._had_files:
            self.look()
        self._make_folder(target.parent)
        temporary = target.with_name(f".{new_id('put')}")
        try:
            self._copy(local, temporary)
            if temporary.stat().st_size != local.stat().st_size:
                raise ObjectDamaged(f"the copy of {key} has another size")
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(target.parent)
        self._had_files |= "/" in key  # its folder stays, whatever becomes of the file

    def _make_folder(self, folder: Path) -> None:
        """Create the folder, and sync its parents, so that it survives a power failure."""
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for path in missing:
            sync_folder(path.parent)

    def _copy(self, local: Path, temporary: Path) -> None:
        try:
            os.link(local, temporary, follow_symlinks=False)
        except OSError:  # another file system, or one without links
            with local.open("rb") as source, temporary.open("xb") as copy:
                shutil.copyfileobj(source, copy, _CHUNK)
                copy.flush()
                os.fsync(copy.fileno())

    def fetch(self, key: str, sha256: str) -> Path:
        """Return a local path with the bytes of the object. Raises ObjectMissing, or StoreAway if nothing is there."""
        path = self._path(key)
        if not path.is_file():
            raise self._missing(key)
        return path

    def _missing(self, key: str) -> StoreError:
        """Return the error for an object that is not found: without its volume the whole folder is empty."""
        return StoreAway(self._unmounted()) if self._is_empty() else ObjectMissing(key)

    def _unmounted(self) -> str:
        return f"the folder {self._root} is empty; its volume may not be mounted"

    def _is_empty(self) -> bool:
        with os.scandir(self._root) as entries:
            return next(entries, None) is None

    def at_hand(self, key: str, sha256: str) -> bool:
        """Return whether the object is on this machine."""
        return True

    def delete(self, key: str) -> None:
        """Remove an object, if it exists."""
        self._path(key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        """Yield key, bytes and time of writing of each object of a folder."""
        folder = self._path(prefix) if prefix else self._root
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = Path(parent, name)
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue
                if is_unfinished(name) and time.time() - status.st_mtime < _UNFINISHED:
                    continue
                key = path.relative_to(self._root).as_posix()
                yield key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)

    def exists(self, key: str) -> bool:
        """Return whether there is an object with this key."""
        return self._path(key).is_file()

    def look(self) -> None:
        """Look at the store, without writing. Raises OSError if it is away.

        What is written into the folder without its volume would be lost when the volume is mounted again.
        """
        if self._is_empty() and self._had_files:
            raise OSError(errno.ENOENT, self._unmounted())

    def open(self, key: str) -> Any:
        """Open an object for reading. Raises ObjectMissing."""
        try:
            descriptor = os.open(self._path(key), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            raise self._missing(key) from None
        return os.fdopen(descriptor, "rb")


class Bucket:
    """Objects of a bucket, with a local cache of fetched objects."""

    def __init__(self, system: Any, root: str, cache: Path, limit: int = 20 * 1024**3) -> None:
        self._system, self._root, self._limit = system, root, limit
        self._cache = cache / "objects"
        self._cache.mkdir(parents=True, exist_ok=True)
        self._prune()

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def put(self, local: Path, key: str) -> None:
        """Store a file. Raises ObjectDamaged if its size in the store differs."""
        path = self._path(key)
        try:
            # By default the library compresses what it writes under a name such as ``x.csv.gz``, and expands what it reads.
            opened = self._system.open_output_stream(path, compression=None)
            with local.open("rb") as source, opened as sink:
                shutil.copyfileobj(source, sink, 8 * _CHUNK)
            stored = self._system.get_file_info(path).size
            if stored != local.stat().st_size:
                raise ObjectDamaged(f"{key} has {stored} bytes in the store")
        except BaseException:
            # The library commits a stream that is closed by an error, so the object must be removed.
            self._remove_quietly(path)
            raise

    def _remove_quietly(self, path: str) -> None:
        try:
            self._system.delete_file(path)
        except OSError:
            return

    def _cached(self, key: str, sha256: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._cache / f"{name}-{sha256[:16]}{Path(key).suffix}"

    def at_hand(self, key: str, sha256: str) -> bool:
        """Return whether the object is on this machine."""
        return self._cached(key, sha256).exists()

    def fetch(self, key: str, sha256: str) -> Path:
        """Return a local path with the bytes of the object. Raises ObjectMissing or ObjectDamaged."""
        cached = self._cached(key, sha256)
        with contextlib.suppress(FileNotFoundError):
            os.utime(cached)
            return cached
        temporary = self._cache / f".{new_id('get')}"
        try:
            with self.open(key) as source, temporary.open("xb") as copy:
                shutil.copyfileobj(source, copy, 8 * _CHUNK)
            with temporary.open("rb") as copy:
                if hashlib.file_digest(copy, "sha256").hexdigest() != sha256:
                    raise ObjectDamaged(f"{key} is not what was stored")
            # A copy is not checked again, so its name must not outlive its bytes when the power fails.
            sync_file(temporary)
            temporary.replace(cached)
        finally:
            temporary.unlink(missing_ok=True)
        self._prune()
        return cached

    def _prune(self) -> None:
        """Remove files that nothing uses, and those that were used longest ago until the cache is within its limit."""
        files = sorted(self._files())
        excess = sum(size for _, size, _ in files) - self._limit
        for used, size, path in files:
            unused = time.time() - used
            if unused < _CACHE_REST or (excess <= 0 and unused < _LONGEST_UNUSED):
                return
            path.unlink(missing_ok=True)
            excess -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Yield time of the last use, size and path of each file. Other threads and processes rename and remove files at any time."""
        for path in self._cache.iterdir():
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                yield status.st_mtime, status.st_size, path

    def delete(self, key: str) -> None:
        """Remove an object, if it exists."""
        for copy in self._cache.glob(f"{hashlib.sha256(key.encode()).hexdigest()}-*"):
            copy.unlink(missing_ok=True)
        try:
            self._system.delete_file(self._path(key))
        except FileNotFoundError:
            return

    def list(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        """Yield key, bytes and time of writing of each object of a folder."""
        from pyarrow import fs

        selector = fs.FileSelector(
            self._path(prefix) if prefix else self._root, recursive=True, allow_not_found=True
        )
        for info in self._system.get_file_info(selector):
            if info.type == fs.FileType.File:
                moment = info.mtime.astimezone(UTC) if info.mtime else datetime.now(UTC)
                yield info.path[len(self._root) + 1 :], info.size, moment

    def exists(self, key: str) -> bool:
        """Return whether there is an object with this key."""
        from pyarrow import fs

        return bool(self._system.get_file_info(self._path(key)).type == fs.FileType.File)

    def look(self) -> None:
        """Look at the store, without writing. Raises OSError if it is away."""
        self.exists("checks/none")

    def open(self, key: str) -> Any:
        """Open an object for reading. Raises ObjectMissing."""
        try:
            return self._system.open_input_stream(
                self._path(key), compression=None, buffer_size=_READ_AHEAD
            )
        except FileNotFoundError:
            raise ObjectMissing(key) from None


def open_s3(options: Mapping[str, str]) -> Any:
    """Open S3 with checked options."""
    from pyarrow import fs

    named: dict[str, Any] = dict(options)
    return fs.S3FileSystem(**named, connect_timeout=5, request_timeout=60)


def open_gcs(options: Mapping[str, str]) -> Any:
    """Open Google Cloud Storage with checked options."""
    from pyarrow import fs

    named: dict[str, Any] = dict(options)
    named["anonymous"] = options.get("anonymous", "false").lower() == "true"
    return fs.GcsFileSystem(**named, retry_time_limit=timedelta(seconds=60))
