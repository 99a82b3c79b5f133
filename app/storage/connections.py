"""Connections to the service's database: how they are opened, and how they behave behind a pooler.

Behind a pooler by transaction (PgBouncer with ``pool_mode=transaction``), two transactions of one connection may run on
different server connections. A pooled connection therefore keeps no state on the server: its settings are set for
each transaction at its begin, its statements have no name, and each single statement is a transaction.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from app.core.database_url import DatabaseAddress

# R25: a query to a server that hangs must time out. R27: a lost client must not keep its locks.
COMMAND_TIMEOUT = 10.0
UNUSED = 120.0  # seconds without use after which the server closes a connection
# What a role or a database may have as its own defaults must not decide how the service works: locks are waited for and
# rows are read again (R7), which another isolation refuses, and a short limit of time ends a migration for ever.
SESSION = {
    "application_name": "activations",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "60000",
    "idle_in_transaction_session_timeout": "30000",
    "idle_session_timeout": f"{UNUSED:.0f}s",
    "lock_timeout": "5000",
    "timezone": "UTC",
    "jit": "off",  # compiling costs more than it saves for these statements
}
MIGRATION_SESSION = {
    "application_name": "activations migrate",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "1h",  # of the connection whose lock keeps other migrations away
    "timezone": "UTC",
}
_SOCKET_OPTIONS = {
    "keepalives_idle": "TCP_KEEPIDLE",
    "keepalives_interval": "TCP_KEEPINTVL",
    "keepalives_count": "TCP_KEEPCNT",
    "tcp_user_timeout": "TCP_USER_TIMEOUT",
}

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection  # generic in the stubs only


class PooledConnection(Connection):
    """A connection that keeps no state on the server between two transactions."""

    preamble = ""

    async def execute(self, query: str, *args: Any, **named: Any) -> str:
        """Run a statement; the begin of a transaction also sets the session's settings for it."""
        if query.startswith("BEGIN"):
            # The preamble comes too late for the isolation of the transaction that it is in.
            if query.rstrip("; ") == "BEGIN":
                query = "BEGIN ISOLATION LEVEL READ COMMITTED;"
            query += self.preamble
        return await super().execute(query, *args, **named)

    async def _execute(self, *arguments: Any, **named: Any) -> Any:
        """Run a statement of a fetch method, in a transaction: its parts would else reach different servers."""
        execute: Any = super()._execute  # type: ignore[misc]  # not in the stubs
        if self.is_in_transaction():
            return await execute(*arguments, **named)
        async with self.transaction():
            return await execute(*arguments, **named)


async def connect(
    address: DatabaseAddress,
    *,
    session: Mapping[str, str] = SESSION,
    command_timeout: float | None = COMMAND_TIMEOUT,
) -> Connection:
    """Connect to the first host that accepts. ``session`` are server settings; those of the URL take precedence.

    Raises what the driver raises for the last host.
    """
    wanted = {**session, **address.session, "timezone": "UTC"}
    hosts = address.hosts or (None,)
    for number, host in enumerate(hosts, start=1):
        try:
            return await _connect_to(address, host, wanted, command_timeout)
        except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError):
            if number == len(hosts):
                raise
    raise AssertionError("unreachable")


async def _connect_to(
    address: DatabaseAddress,
    host: tuple[str, int | None] | None,
    session: Mapping[str, str],
    command_timeout: float | None,
) -> Connection:
    more: dict[str, Any] = {"ssl": context} if (context := _system_tls(address)) else {}
    if address.pooled:
        more |= {"connection_class": PooledConnection, "statement_cache_size": 0}
    else:
        more["server_settings"] = dict(session)
    connection: Any = await asyncpg.connect(
        address.dsn(host),
        timeout=address.timeout,
        command_timeout=command_timeout,
        target_session_attrs=SessionAttribute(address.target),
        **more,
    )
    if address.pooled:
        connection.preamble = _preamble(
            {name: value for name, value in session.items() if name != "idle_session_timeout"}
        )
    _keep_alive(connection, address.keepalive)
    opened: Connection = connection
    return opened


def _preamble(session: Mapping[str, str]) -> str:
    # Not SET LOCAL: it takes a list such as that of search_path as one name.
    settings = ", ".join(
        f"set_config({_literal(name)}, {_literal(value)}, true)" for name, value in session.items()
    )
    return f"SELECT {settings};"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _system_tls(address: DatabaseAddress) -> ssl.SSLContext | None:
    """Return the TLS settings for ``sslrootcert=system``, which asyncpg does not know; None for everything else."""
    if address.driver.get("sslrootcert") != "system":
        return None
    context = ssl.create_default_context()
    if "sslcert" in address.driver:
        password = address.driver.get("sslpassword", "")
        context.load_cert_chain(address.driver["sslcert"], address.driver.get("sslkey"), password)
    return context


def _keep_alive(connection: Connection, wanted: Mapping[str, int]) -> None:
    transport: Any = getattr(
        connection, "_transport", None
    )  # asyncpg has no other access to its socket
    found = transport.get_extra_info("socket") if wanted and transport else None
    if found is None or found.family == socket.AF_UNIX:
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, wanted.get("keepalives", 1))
    for name, option in _SOCKET_OPTIONS.items():
        if wanted.get(name, 0) > 0 and hasattr(socket, option):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), wanted[name])
