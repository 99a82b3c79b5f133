"""A read-only connection to a user's database, at a checked address, that closes at the end of its block (R40)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from app.connectors.addresses import OutboundPolicy
from app.connectors.errors import ConnectorError
from app.sources.postgres.failures import connector_errors, unavailable
from app.sources.postgres.intake import watch
from app.sources.postgres.settings import PostgresSource

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_CONNECT_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
# Set if the server knows them; for the transaction only, so that they end with it behind a connection pooler.
_SESSION = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "standard_conforming_strings": "on",
    "extra_float_digits": "3",  # texts of floating-point numbers are exact, also before version 12
    "idle_in_transaction_session_timeout": "600000",  # writing a file can take long
    "client_connection_check_interval": "5000",  # ends the query of a killed worker
}


class _NamedContext(ssl.SSLContext):
    """Checks the certificate against the configured name, although an address is dialled."""

    name: str

    def wrap_bio(self, *args: Any, **named: Any) -> ssl.SSLObject:
        named["server_hostname"] = self.name
        return super().wrap_bio(*args, **named)


def _tls(source: PostgresSource) -> ssl.SSLContext | bool:
    if source.ssl_mode == "disable":
        return False
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = source.host.rstrip(".")
    context.set_alpn_protocols(["postgresql"])
    if source.ssl_mode == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if source.ca_certificate is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=source.ca_certificate)
    elif source.ssl_mode == "verify-full":
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


async def _addresses(source: PostgresSource, policy: OutboundPolicy) -> list[str]:
    """Resolve the host and check every address. The connection dials exactly these addresses."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            found = await loop.getaddrinfo(source.host, source.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise unavailable(f"the name {source.host} could not be resolved") from None
    answers = list(dict.fromkeys(str(info[4][0]) for info in found))
    policy.require_database(source.host, answers, source.port)
    return answers


@contextlib.asynccontextmanager
async def read_only(
    source: PostgresSource, policy: OutboundPolicy, *, statement_seconds: float
) -> AsyncIterator[Connection]:
    """Open a connection with a read-only transaction that sees one snapshot. Failures become ConnectorErrors.

    A server that sends too much at once is left: QueryRejected, with the way out (see ``intake``). If the task is cancelled in the block, the query is cancelled at the server too.
    """
    addresses = await _addresses(source, policy)
    connection = await _connect(source, addresses)
    intake = watch(connection)
    try:
        # Ends with the connection: nothing was written, and ending it first would wait for a running query.
        with connector_errors(source):
            await connection.transaction(isolation="repeatable_read", readonly=True).start()
            await _prepare(connection, statement_seconds)
        yield connection
    except ConnectorError:
        intake.refuse_excess(source.server)
        raise
    finally:
        await _end(connection)


async def _connect(source: PostgresSource, addresses: list[str]) -> Connection:
    context = await asyncio.to_thread(_tls, source)
    try:
        # All parameters are set, so that the driver reads none from the environment or the home folder.
        with connector_errors(source):
            connection: Connection = await asyncpg.connect(
                host=addresses,
                port=[source.port] * len(addresses),
                user=source.user,
                password=source.password.get_secret_value(),
                database=source.database,
                ssl=context,
                direct_tls=False,
                target_session_attrs=SessionAttribute.any,
                krbsrvname="postgres",
                gsslib="gssapi",
                timeout=_CONNECT_SECONDS,
                statement_cache_size=0,
                server_settings={"application_name": "activations"},
            )
    except TimeoutError:
        raise unavailable(
            f"{source.server} did not respond within {_CONNECT_SECONDS:g} s"
        ) from None
    return connection


async def _prepare(connection: Connection, statement_seconds: float) -> None:
    settings = {**_SESSION, "statement_timeout": str(max(int(statement_seconds * 1000), 1))}
    await connection.fetch(
        "SELECT set_config(given.name, given.value, true) FROM unnest($1::text[], $2::text[]) AS given(name, value)"
        " JOIN pg_catalog.pg_settings AS known ON known.name = given.name",
        list(settings),
        list(settings.values()),
    )


async def _end(connection: Connection) -> None:
    """Close the connection after the server cancelled its query. Drop the connection if that takes long."""
    try:
        await connection.close(timeout=_CLOSE_SECONDS)
    except asyncio.CancelledError:
        connection.terminate()
        raise
    except Exception:  # noqa: BLE001  the connection ends in any case
        connection.terminate()
