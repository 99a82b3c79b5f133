"""Addresses of files, and patterns of their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from app.connectors.urls import checked_callable

Scheme = Literal["s3", "gs", "https"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_LONGEST_KEY = 1024  # bytes, of S3 and of Google
_MOST_STARS = 8
_FORMS = "must be s3://bucket/file, gs://bucket/file or https://host/file"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file is: ``place`` is the bucket, or ``host:port``; ``name`` the key, or the path without parameters."""

    scheme: Scheme
    place: str
    name: str

    @property
    def is_pattern(self) -> bool:
        """Whether the name stands for the newest file that it matches."""
        return self.scheme != "https" and "*" in self.name

    @property
    def prefix(self) -> str:
        """The beginning that all files of a pattern share."""
        return self.name.partition("*")[0]

    def at(self, name: str) -> str:
        """Return the address of a file at the same place, as messages and runs name it."""
        return f"{self.scheme}://{self.place}/{name}"


def read_address(url: str) -> Address:
    """Read the address of a file. Raises ValueError with what is wrong and the way out."""
    if not url.isprintable() or url != url.strip():
        raise ValueError("must not contain control characters, or blanks at its ends")
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("s3", "gs"):
        place, _, name = rest.partition("/")
        _check_key(place, name)
        return Address("s3" if scheme == "s3" else "gs", place, name)
    if separator and scheme == "https":
        return _of_url(url)
    raise ValueError(_FORMS)


def _check_key(bucket: str, key: str) -> None:
    if "@" in bucket:
        raise ValueError("must not contain a key; use the fields for keys")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"{_FORMS}; {bucket!r} is not the name of a bucket")
    if not key or key.endswith("/"):
        raise ValueError(
            "must name a file, or a pattern such as exports/orders-*.csv; this is a folder"
        )
    if len(key.encode()) > _LONGEST_KEY:
        raise ValueError(f"has a name of more than {_LONGEST_KEY} bytes")
    if key.count("*") > _MOST_STARS:
        raise ValueError(f"has more than {_MOST_STARS} stars")


def _of_url(url: str) -> Address:
    checked_callable(url)
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("must not contain a password; use the field authorization")
    if parts.fragment:
        raise ValueError("must not contain a fragment (#…)")
    if "*" in parts.path:
        raise ValueError(
            "must name one file: an https server does not list its files. Patterns are for s3:// and gs://"
        )
    return Address("https", parts.netloc, parts.path.lstrip("/"))


def matches(pattern: str, name: str) -> bool:
    """Return whether a name fits a pattern, in which ``*`` stands for any characters except ``/``. Takes no longer than both are long."""
    wanted, given = pattern.split("/"), name.split("/")
    return len(wanted) == len(given) and all(map(_part_matches, wanted, given))


def _part_matches(pattern: str, text: str) -> bool:
    first, *between = pattern.split("*")
    if not between:
        return pattern == text
    last = between.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    position, end = len(first), len(text) - len(last)
    for part in between:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True
