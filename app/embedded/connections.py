"""The servers that a process connects to (configured or embedded), and the API's listening socket."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from pydantic import SecretStr

from app.core.config import Settings
from app.core.logging import get_logger
from app.embedded.errors import ExitCode, PortInUse, StartError
from app.embedded.servers import RunningServers, start_servers
from app.storage.engine import plain_url

log = get_logger(__name__)


@contextmanager
def with_servers(settings: Settings) -> Iterator[tuple[Settings, RunningServers | None]]:
    """Provide settings that contain server URLs, and the embedded servers, or None if servers are configured.

    If DATABASE_URL is not set, the embedded servers are started, or joined, for the duration of the block.
    """
    if settings.database_url is not None:
        if settings.redis_url is None:
            log.warning(
                "redis_unavailable", reason="REDIS_URL is not set; due work waits for the sweep"
            )
        yield settings, None
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


def check_database(settings: Settings) -> None:
    """Check that the configured database accepts connections. Raises StartError if it does not."""
    url = settings.database_url
    if url is None:
        raise StartError("DATABASE_URL is not set.")

    async def connect() -> None:
        connection = await asyncpg.connect(plain_url(url.get_secret_value()), timeout=5)
        await connection.close()

    try:
        asyncio.run(connect())
    except (
        OSError,
        TimeoutError,
        ValueError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
    ) as error:
        reason = str(error) or type(error).__name__
        raise StartError(
            f"Cannot connect to the database of DATABASE_URL: {reason}.",
            ExitCode.SERVER_UNREACHABLE,
        ) from error
