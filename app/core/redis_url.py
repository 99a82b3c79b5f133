"""The URL of Redis: ``redis://``, with TLS ``rediss://``, or the path of a socket after ``unix://``."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

_OPTIONS = ("db", "username", "password")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is, and how to sign in. ``path`` is that of a socket."""

    path: str | None
    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None
    database: int


def parse_redis_url(url: str) -> RedisAddress:
    """Read a URL, with percent-encoded names and passwords. Raises ValueError with a sentence that names the fault."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("REDIS_URL begins with redis://, with rediss:// for TLS, or with unix://")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    for name in query:
        if name not in _OPTIONS:
            raise ValueError(
                f"REDIS_URL has the unknown option {name}; options are {', '.join(_OPTIONS)}"
            )
    unix = parts.scheme == "unix"
    if unix and not parts.path:
        raise ValueError("REDIS_URL names no socket, as in unix:///run/redis.sock")
    try:
        port = parts.port or 6379
    except ValueError:
        raise ValueError(
            "REDIS_URL has a port that is not a number from 1 to 65535; "
            "percent-encode the characters : / ? # @ % in the password"
        ) from None
    return RedisAddress(
        path=unquote(parts.path) if unix else None,
        host=parts.hostname or "localhost",
        port=port,
        tls=parts.scheme == "rediss",
        username=query.get("username") or _plain(parts.username),
        password=query.get("password") or _plain(parts.password),
        database=_database(query.get("db") or ("" if unix else parts.path.strip("/"))),
    )


def _plain(text: str | None) -> str | None:
    return unquote(text) if text else None


def _database(text: str) -> int:
    if text and not text.isdecimal():
        raise ValueError(
            f"REDIS_URL has the database {text}; it is a number, as in redis://host:6379/0"
        )
    return int(text or "0")
