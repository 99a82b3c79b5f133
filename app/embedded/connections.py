"""What a part of the service connects to and listens on: servers set, or embedded ones of the data folder."""

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
    """The settings with URLs of servers: those set, else embedded ones, which are held meanwhile."""
    if settings.database_url is not None:
        if settings.redis_url is None:
            log.warning(
                "without_doorbell", reason="REDIS_URL is not set; due work waits for the sweep"
            )
        yield settings, None
        return
    running = start_servers(settings.data_dir, server_dir=settings.server_dir)
    try:
        yield with_urls(settings, running), running
    finally:
        running.stop()


def with_urls(settings: Settings, running: RunningServers) -> Settings:
    """The settings with the embedded servers' URLs, where none was set."""
    redis = SecretStr(running.redis_url) if running.redis_url else None
    return settings.model_copy(
        update={
            "database_url": SecretStr(running.database_url),
            "redis_url": settings.redis_url or redis,
        }
    )


def listen(host: str, port: int) -> socket.socket:
    """The API's socket, held by us so that it outlives a restart of the API. Raises ``StartError``."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"Port {port} on {host} is in use. End the program that has it, or choose another with --port."
            ) from error
        raise StartError(
            f"Cannot listen on {host} port {port}: {error.strerror or error}."
        ) from error
    return listener


def check_database(settings: Settings) -> None:
    """Raises ``StartError`` where the configured database does not answer."""
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
            f"The database of DATABASE_URL does not answer: {reason}.", ExitCode.SERVER_UNREACHABLE
        ) from error
