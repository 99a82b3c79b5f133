"""The object store: immutable files with keys, on the local disk, S3 or Google Cloud Storage.

URLs are ``file:///folder``, ``s3://bucket/prefix`` and ``gs://bucket/prefix``. The query may hold credentials and other
options; without credentials, the defaults of the process are used. S3: ``access_key``, ``secret_key``,
``session_token``, ``role_arn``, ``external_id``, ``region``, ``endpoint_override``, ``scheme``. GCS:
``anonymous=true``, ``endpoint_override``, ``scheme``.

The library is ``pyarrow``, not ``obstore`` 0.12, because speed does not decide and ``obstore`` needs boto3 to assume a role
with an external id. Milliseconds to put and fetch a file of 100 MB with checksum, ``pyarrow`` here and ``obstore``: local
folder 164 and 0 (a hard link), 281 and 868; S3 emulator (``moto``) 2,716 and 843, 2,710 and 645. ``obstore`` also follows
redirects for HEAD and bulk deletes, which a guarded client must refuse.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from app.core.ids import new_id

_CHUNK = 1024 * 1024
_READ_AHEAD = 16 * _CHUNK  # without a buffer, each read of a remote object is a request
_CACHE_REST = 3600.0  # seconds that a cached file is kept after its last use


class StoreError(Exception):
    """The store refused or lost an object. The message contains the key."""


class ObjectMissing(StoreError):
    """There is no object with this key."""


class ObjectDamaged(StoreError):
    """The bytes of an object differ from those that were stored."""


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

    def open(self, key: str) -> Any: ...


class ObjectStore:
    """Files with keys. A key is never reused, so fetched files stay valid."""

    def __init__(self, backend: _Backend) -> None:
        self._backend = backend

    @classmethod
    def from_url(cls, url: str, cache: Path) -> ObjectStore:
        """Open the store of a URL. ``cache`` is a local folder for copies of remote objects.

        Raises ValueError if the URL is malformed or has unknown options.
        """
        parts = urlsplit(url)
        if parts.scheme == "file":
            if parts.netloc not in {"", "localhost"}:
                raise ValueError("a file URL needs three slashes, as in file:///var/lib/objects")
            return cls(_LocalFolder(Path(unquote(parts.path))))
        options = dict(parse_qsl(parts.query))
        root = f"{parts.netloc}{unquote(parts.path)}".rstrip("/")
        if parts.scheme == "s3" and parts.netloc:
            return cls(_Bucket(_s3(options), root, cache))
        if parts.scheme in {"gs", "gcs"} and parts.netloc:
            return cls(_Bucket(_gcs(options), root, cache))
        raise ValueError("a storage URL begins with file:///, s3://bucket or gs://bucket")

    async def put(self, local: Path, key: str) -> tuple[str, int]:
        """Store a finished local file durably. Returns its SHA-256 (hex) and its size in bytes.

        The local file must not be changed afterwards, since a local store may hold a hard link to it.
        """
        return await asyncio.to_thread(self._put, local, checked_key(key))

    def _put(self, local: Path, key: str) -> tuple[str, int]:
        with local.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.seek(0, os.SEEK_END)
            os.fsync(file.fileno())
        self._backend.put(local, key)
        return digest, size

    async def fetch(self, key: str, sha256: str) -> Path:
        """Return a local path with the bytes of the object, for reading only. Raises ObjectMissing or ObjectDamaged."""
        return await asyncio.to_thread(self._backend.fetch, checked_key(key), sha256)

    async def at_hand(self, key: str, sha256: str) -> bool:
        """Return whether the object is on this machine, so that fetching it is free."""
        return await asyncio.to_thread(self._backend.at_hand, checked_key(key), sha256)

    async def delete(self, key: str) -> None:
        """Remove an object. A missing object is no error."""
        await asyncio.to_thread(self._backend.delete, checked_key(key))

    async def exists(self, key: str) -> bool:
        """Return whether there is an object with this key."""
        return await asyncio.to_thread(self._backend.exists, checked_key(key))

    async def list(self, prefix: str = "") -> AsyncIterator[tuple[str, int, datetime]]:
        """Yield ``(key, bytes, time of writing)`` of all objects in the folder ``prefix``."""
        folder = prefix.rstrip("/")
        entries = self._backend.list(checked_key(folder) if folder else "")
        while (page := await asyncio.to_thread(_page, entries)) != []:
            for entry in page:
                yield entry

    async def open_read(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes of an object in pieces of 1 MiB. Raises ObjectMissing."""
        stream = await asyncio.to_thread(self._backend.open, checked_key(key))
        try:
            while piece := await asyncio.to_thread(stream.read, _CHUNK):
                yield bytes(piece)
        finally:
            await asyncio.to_thread(stream.close)


def _page(entries: Iterator[tuple[str, int, datetime]]) -> list[tuple[str, int, datetime]]:
    return [entry for _, entry in zip(range(1000), entries, strict=False)]


class _LocalFolder:
    """Objects as files of a folder. Names that begin with ``.put`` are temporary files, not objects."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root.resolve()

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root):
            raise ValueError(f"the key leads out of the store: {key!r}")
        return path

    def put(self, local: Path, key: str) -> None:
        target = self._path(key)
        self._make_folder(target.parent)
        temporary = target.with_name(f".{new_id('put')}")
        try:
            self._copy(local, temporary)
            if temporary.stat().st_size != local.stat().st_size:
                raise ObjectDamaged(f"the copy of {key} has another size")
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(target.parent)

    def _make_folder(self, folder: Path) -> None:
        """Create the folder, and sync its parents, so that it survives a power failure."""
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for path in missing:
            _sync_folder(path.parent)

    def _copy(self, local: Path, temporary: Path) -> None:
        try:
            os.link(local, temporary, follow_symlinks=False)
        except OSError:  # another file system, or one without links
            with local.open("rb") as source, temporary.open("xb") as copy:
                shutil.copyfileobj(source, copy, _CHUNK)
                copy.flush()
                os.fsync(copy.fileno())

    def fetch(self, key: str, sha256: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise ObjectMissing(key)
        return path

    def at_hand(self, key: str, sha256: str) -> bool:
        return True

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        folder = self._path(prefix) if prefix else self._root
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                if name.startswith(".put"):
                    continue
                path = Path(parent, name)
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue
                key = path.relative_to(self._root).as_posix()
                yield key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def open(self, key: str) -> Any:
        try:
            descriptor = os.open(self._path(key), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            raise ObjectMissing(key) from None
        return os.fdopen(descriptor, "rb")


class _Bucket:
    """Objects of a bucket, with a local cache of fetched objects."""

    def __init__(self, system: Any, root: str, cache: Path, limit: int = 20 * 1024**3) -> None:
        self._system, self._root, self._limit = system, root, limit
        self._cache = cache / "objects"
        self._cache.mkdir(parents=True, exist_ok=True)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def put(self, local: Path, key: str) -> None:
        path = self._path(key)
        try:
            with local.open("rb") as source, self._system.open_output_stream(path) as sink:
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
        return self._cached(key, sha256).exists()

    def fetch(self, key: str, sha256: str) -> Path:
        cached = self._cached(key, sha256)
        if cached.exists():
            os.utime(cached)
            return cached
        temporary = self._cache / f".{new_id('get')}"
        try:
            with self.open(key) as source, temporary.open("xb") as copy:
                shutil.copyfileobj(source, copy, 8 * _CHUNK)
            with temporary.open("rb") as copy:
                if hashlib.file_digest(copy, "sha256").hexdigest() != sha256:
                    raise ObjectDamaged(f"{key} is not what was stored")
            temporary.replace(cached)
        finally:
            temporary.unlink(missing_ok=True)
        self._prune()
        return cached

    def _prune(self) -> None:
        """Remove the files that were used longest ago, until the cache is within its limit."""
        files = sorted(
            (path.stat().st_mtime, path.stat().st_size, path) for path in self._cache.iterdir()
        )
        excess = sum(size for _, size, _ in files) - self._limit
        for used, size, path in files:
            if excess <= 0 or time.time() - used < _CACHE_REST:
                return
            path.unlink(missing_ok=True)
            excess -= size

    def delete(self, key: str) -> None:
        try:
            self._system.delete_file(self._path(key))
        except FileNotFoundError:
            return

    def list(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        from pyarrow import fs

        selector = fs.FileSelector(
            self._path(prefix) if prefix else self._root, recursive=True, allow_not_found=True
        )
        for info in self._system.get_file_info(selector):
            if info.type == fs.FileType.File:
                moment = info.mtime.astimezone(UTC) if info.mtime else datetime.now(UTC)
                yield info.path[len(self._root) + 1 :], info.size, moment

    def exists(self, key: str) -> bool:
        from pyarrow import fs

        return bool(self._system.get_file_info(self._path(key)).type == fs.FileType.File)

    def open(self, key: str) -> Any:
        try:
            return self._system.open_input_stream(self._path(key), buffer_size=_READ_AHEAD)
        except FileNotFoundError:
            raise ObjectMissing(key) from None


def _s3(options: Mapping[str, str]) -> Any:
    from pyarrow import fs

    known = {"access_key", "secret_key", "session_token", "role_arn", "external_id", "region"}
    known |= {"endpoint_override", "scheme"}
    _refuse_unknown(options, known)
    named: dict[str, Any] = dict(options)
    return fs.S3FileSystem(**named, connect_timeout=5, request_timeout=60)


def _gcs(options: Mapping[str, str]) -> Any:
    from pyarrow import fs

    _refuse_unknown(options, {"anonymous", "endpoint_override", "scheme"})
    named: dict[str, Any] = dict(options)
    named["anonymous"] = options.get("anonymous", "false").lower() == "true"
    return fs.GcsFileSystem(**named, retry_time_limit=timedelta(seconds=60))


def _refuse_unknown(options: Mapping[str, str], known: set[str]) -> None:
    if unknown := sorted(set(options) - known):
        raise ValueError(f"the storage URL has unknown options: {', '.join(unknown)}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
