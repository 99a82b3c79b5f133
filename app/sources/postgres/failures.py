"""Errors of a database as connector errors: classified by what fixes them, and never with the password."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

import asyncpg
from asyncpg import exceptions

from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    TransientFailure,
)
from app.core.redaction import MASK, SHORTEST_SECRET, cut, escape

if TYPE_CHECKING:
    from app.sources.postgres.settings import PostgresSource
    from app.sources.postgres.statement import Statement

_LONGEST = 1000  # bytes of a server's message


class QueryRejected(ConfigurationRejected):
    """The database is reachable, and the query is wrong."""


_UNAVAILABLE = (
    exceptions.PostgresConnectionError,
    exceptions.OperatorInterventionError,  # shut down, restarted, starting up
    exceptions.InsufficientResourcesError,  # too many connections, memory, disk
    exceptions.TransactionRollbackError,  # a standby cancelled the query for a conflict
    exceptions.PostgresSystemError,
    exceptions.InterfaceError,
    OSError,
)


# Errors of a server, the network or the driver. Any other error is a bug of this service.
_FAILURES = (
    exceptions.PostgresError,
    exceptions.InterfaceError,
    exceptions.InternalClientError,
    OSError,
    ValueError,
    OverflowError,
)


@contextlib.contextmanager
def connector_errors(source: PostgresSource, statement: Statement | None = None) -> Iterator[None]:
    """Convert errors of a database into ConnectorErrors."""
    try:
        yield
    except TimeoutError:  # the deadline of the caller
        raise
    except _FAILURES as error:
        raise connector_error(error, source, statement) from None


def connector_error(
    error: Exception, source: PostgresSource, statement: Statement | None = None
) -> ConnectorError:
    """Return the connector error for an error of a database."""
    known = _of_connection(error, source)
    if known is not None:
        return known
    if isinstance(error, exceptions.QueryCanceledError):
        return QueryRejected(f"{source.server} stopped the query: {_server_message(error, source)}")
    if isinstance(error, _UNAVAILABLE):
        return unavailable(
            f"the connection to {source.server} was lost ({_server_message(error, source)})"
        )
    if isinstance(error, exceptions.ReadOnlySQLTransactionError):
        return QueryRejected(f"Queries only read: {_server_message(error, source)}.")
    if isinstance(error, exceptions.PostgresError):
        return QueryRejected(
            f"PostgreSQL says: {_server_message(error, source)}{_position(error, statement)}."
        )
    return QueryRejected(
        f"{source.server} sent a value that cannot be stored ({type(error).__name__}): a date before the year 1 or after "
        "9999, or text that is not UTF-8; leave it out, or cast it to text."
    )


def unavailable(message: str) -> TransientFailure:
    """Return the error for a database that is not reachable now."""
    return TransientFailure(message, ambiguous=False, code="database_away")


def _of_connection(error: Exception, source: PostgresSource) -> ConnectorError | None:
    match error:
        case (
            exceptions.InvalidPasswordError() | exceptions.InvalidAuthorizationSpecificationError()
        ):
            return AuthenticationRejected(
                f"{source.server} refused the login of {source.user}: {_server_message(error, source)}. Check user and password"
                " (and pg_hba.conf at the server)."
            )
        case exceptions.InvalidCatalogNameError():
            return ConfigurationRejected(
                f"{source.server} has no such database: {_server_message(error, source)}."
            )
        case ssl.SSLCertVerificationError():
            return ConfigurationRejected(
                f"The certificate of {source.server} is not trusted: {error.verify_message}. Set caCertificate to the"
                " authority that signed it, or set sslMode to require (encrypted, but does not detect an impostor)."
            )
        case ssl.SSLError():
            return unavailable(f"no encrypted connection to {source.server} is possible")
        case ConnectionRefusedError():
            return unavailable(
                f"{source.server} refused the connection: no PostgreSQL listens there"
            )
        case ConnectionError() if "rejected SSL upgrade" in str(error):
            return ConfigurationRejected(
                f"{source.server} does not support TLS; enable it there, or set sslMode to disable (only in a network that"
                " you trust: the password and the data travel unencrypted)."
            )
        case _:
            return None


def _server_message(error: Exception, source: PostgresSource) -> str:
    """Return the message of the server with the password masked."""
    text = str(getattr(error, "message", None) or error).split("\n", 1)[0] or type(error).__name__
    secret = source.password.get_secret_value()
    if len(secret) >= SHORTEST_SECRET:
        text = text.replace(secret, MASK)
    return escape(cut(text, _LONGEST)).rstrip(".")


def _position(error: asyncpg.PostgresError, statement: Statement | None) -> str:
    position = getattr(error, "position", None)
    if statement is None or not position or not str(position).isdecimal():
        return ""
    line, column = statement.line_and_column(int(position))
    return f" (line {line}, column {column})"
