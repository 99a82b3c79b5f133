"""What a reader needs of a store: the files with a prefix, and one file, opened. And the states that are no fault of a store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import httpx

from app.connectors.errors import ConfigurationRejected, TransientFailure
from app.connectors.http import pieces_of

MOST_PAGES = 200  # of a list: a store that never ends it is not read on
_LONGEST_TAG = 500  # characters


class FileMissing(TransientFailure):
    """There is no such file now. Another try may find it."""


class FileLate(TransientFailure):
    """The file is older than the source allows. Another try may find a newer one. ``version``: the one that was found."""

    version: FileVersion | None = None


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A version of a file. ``path`` is its address without parameters, ``etag`` as the store says it; None: it does not."""

    path: str
    etag: str | None
    bytes: int | None
    modified_at: datetime | None

    def is_same(self, other: FileVersion) -> bool:
        """Return whether both are one version: by their ETags, or without any by time and size."""
        if self.path != other.path:
            return False
        if self.etag or other.etag:
            return self.etag == other.etag
        return self.modified_at is not None and (self.modified_at, self.bytes) == (
            other.modified_at,
            other.bytes,
        )


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that is read in a ``with`` block. Without ``response`` it is known to be unchanged."""

    version: FileVersion
    response: httpx.Response | None

    @property
    def encoding(self) -> str | None:
        """The Content-Encoding of the pieces, as sent; ``aws-chunked`` is none: SDKs store it by mistake."""
        if self.response is None:
            return None
        sent = self.response.headers.get("content-encoding", "").split(",")
        named = [one.strip().lower() for one in sent]
        return ",".join(one for one in named if one not in ("", "identity", "aws-chunked")) or None

    def pieces(self) -> AsyncIterator[bytes]:
        """Yield the bytes as they are sent. Raises TransientFailure if the connection is lost."""
        assert self.response is not None  # noqa: S101  the caller knows that it changed
        return pieces_of(self.response)


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of a list."""

    name: str
    modified_at: datetime


class FileStore(Protocol):
    """A place with files. ``where`` names it in messages. Each operation raises a ConnectorError."""

    where: str

    def files(self, prefix: str) -> AsyncIterator[Listed]:
        """Yield the files whose names begin with ``prefix``."""

    def open(
        self, name: str, path: str, known: FileVersion | None
    ) -> AbstractAsyncContextManager[OpenedFile]:
        """Open a file of the address ``path``. Raises FileMissing. A store may say that it is still ``known``."""


def missing(path: str, more: str = "") -> FileMissing:
    """Return the error for a file that does not exist."""
    return FileMissing(f"there is no file {path}{more}", ambiguous=False, code="file_missing")


def endless(where: str) -> ConfigurationRejected:
    """Return the error for a list of files that does not end."""
    return ConfigurationRejected(
        f"{where} lists its files in more than {MOST_PAGES} pages; let the pattern begin with a longer name, such as a folder",
        code="pattern_too_wide",
    )


def version_of(response: httpx.Response, path: str, known: FileVersion | None) -> FileVersion:
    """Return the version that headers name. A 304 confirms the known one, and need not repeat its size and time."""
    headers = response.headers
    tag = headers.get("etag", "").strip()
    length = headers.get("content-length", "")
    modified = http_date(headers.get("last-modified"))
    if response.status_code == 304 and known is not None:
        return FileVersion(path, known.etag, known.bytes, modified or known.modified_at)
    size = int(length) if length.isascii() and length.isdecimal() else None
    return FileVersion(path, tag if 0 < len(tag) <= _LONGEST_TAG else None, size, modified)


def http_date(text: str | None) -> datetime | None:
    """Return a time of HTTP in UTC, or None if there is none that can be read."""
    try:
        moment = parsedate_to_datetime(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def json_date(text: object) -> datetime | None:
    """Return a time of RFC 3339 in UTC, or None if there is none that can be read."""
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
