"""The servers that a process connects to (configured or embedded), and the API's listening socket."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from app.core.config import Settings
from app.core.logging import get_logger
from app.embedded.errors import ExitCode, PortInUse, StartError
from app.embedded.servers import RunningServers, start_servers
from app.storage.database_check import (
    DatabaseUnfit,
    check_before_migration,
    check_migrated,
    files_of_database,
)
from app.storage.database_check import check_database as check_url

log = get_logger(__name__)

T = TypeVar("T")


@contextmanager
def with_servers(settings: Settings) -> Iterator[tuple[Settings, RunningServers | None]]:
    """Provide settings that contain server URLs, and the embedded servers, or None if servers are configured.

    If DATABASE_URL is not set, the embedded servers are started, or joined, for the duration of the block. Raises
    StartError if the configured database cannot be used, or the embedded servers do not start.
    """
    if settings.database_url is not None:
        if settings.redis_url is None:
            log.warning(
                "redis_unavailable", reason="REDIS_URL is not set; PostgreSQL announces due work"
            )
        yield check_database(settings), None
        return
    running = start_servers(settings.data_dir, server_dir=settings.server_dir)
    try:
        yield with_urls(settings, running), running
    finally:
        running.stop()


def with_urls(settings: Settings, running: RunningServers) -> Settings:
    """Return the settings with the URLs of the embedded servers. A configured REDIS_URL is kept."""
    redis = SecretStr(running.redis_url) if running.redis_url else None
    return settings.model_copy(
        update={
            "database_url": SecretStr(running.database_url),
            "redis_url": settings.redis_url or redis,
        }
    )


def listen(host: str, port: int) -> socket.socket:
    """Open the API's listening socket; the supervisor keeps it open while the API restarts.

    Raises PortInUse if another program uses the port, and StartError if the address cannot be used.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"Port {port} on {host} is in use. End the program that uses it, or choose another port with --port."
            ) from error
        raise StartError(
            f"Cannot listen on {host} port {port}: {error.strerror or error}."
        ) from error
    return listener


def check_database(settings: Settings) -> Settings:
    """Check that the configured database can be used. Returns the settings, with its URL marked if it is behind a pooler.

    Raises StartError.
    """
    return settings.model_copy(
        update={"database_url": SecretStr(_asked(check_url(_database_url(settings))))}
    )


def check_migrated_database(settings: Settings) -> None:
    """Check that the database has this version's migrations and the needed rights. Raises StartError."""
    _asked(check_migrated(_database_url(settings)))


def named_files(settings: Settings) -> list[str]:
    """Return keys of some files that the migrated database names. Raises StartError."""
    return _asked(files_of_database(_database_url(settings)))


def migrate_database(settings: Settings) -> None:
    """Apply all missing migrations, and check the rights before and afterwards. Raises StartError."""
    url = _database_url(settings)
    if _asked(check_before_migration(url)):
        _migrate(url)
    _asked(check_migrated(url))


def _migrate(url: str) -> None:
    from alembic.util import CommandError  # a start without migrations does not need this library

    from app.storage.migrate import upgrade

    try:
        upgrade(url)
    except (DBAPIError, CommandError) as error:
        raise _not_usable(f"The migration of the database failed: {_reason(error)}.") from error


def _database_url(settings: Settings) -> str:
    if settings.database_url is None:
        raise StartError("DATABASE_URL is not set.")
    return settings.database_url.get_secret_value()


def _asked(work: Coroutine[Any, Any, T]) -> T:
    """Ask the database. Raises StartError with one sentence if it cannot be reached or used."""
    try:
        return asyncio.run(work)
    except DatabaseUnfit as error:
        raise _not_usable(str(error)) from error
    except TimeoutError as error:
        raise _not_usable(
            "Cannot connect to the database of DATABASE_URL: it does not answer in time."
        ) from error
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:  # fmt: skip
        raise _not_usable(
            f"Cannot connect to the database of DATABASE_URL: {_reason(error)}."
        ) from error


def _reason(error: Exception) -> str:
    """Return what an error says, in one line, without the statement."""
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split()).partition(" [SQL:")[0]
    return text.rstrip(".") or type(cause).__name__


def _not_usable(sentence: str) -> StartError:
    return StartError(sentence, ExitCode.SERVER_UNREACHABLE)
