"""What a database said, in words for whoever set it up: never with the password, and told apart by what heals it."""

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

_LONGEST = 1000  # bytes of what a server said


class QueryRejected(ConfigurationRejected):
    """The database is there, and the query is wrong."""


_AWAY = (
    exceptions.PostgresConnectionError,
    exceptions.OperatorInterventionError,  # shut down, restarted, starting up
    exceptions.InsufficientResourcesError,  # too many connections, memory, disk
    exceptions.TransactionRollbackError,  # a standby that had to give way
    exceptions.PostgresSystemError,
    exceptions.InterfaceError,
    OSError,
)


# What a server, the network or the driver can bring up; anything else is a fault of ours.
_FAILURES = (
    exceptions.PostgresError,
    exceptions.InterfaceError,
    exceptions.InternalClientError,
    OSError,
    ValueError,
    OverflowError,
)


@contextlib.contextmanager
def told(source: PostgresSource, statement: Statement | None = None) -> Iterator[None]:
    """Turn what a database brings up into ConnectorErrors."""
    try:
        yield
    except TimeoutError:  # a deadline of the caller's
        raise
    except _FAILURES as error:
        raise explained(error, source, statement) from None


def explained(
    error: Exception, source: PostgresSource, statement: Statement | None = None
) -> ConnectorError:
    """The connector error for whatever went wrong with a database."""
    known = _of_connection(error, source)
    if known is not None:
        return known
    if isinstance(error, exceptions.QueryCanceledError):
        return QueryRejected(f"{source.place} stopped the query: {_said(error, source)}")
    if isinstance(error, _AWAY):
        return away(f"the connection to {source.place} broke off ({_said(error, source)})")
    if isinstance(error, exceptions.ReadOnlySQLTransactionError):
        return QueryRejected(f"Queries only read: {_said(error, source)}.")
    if isinstance(error, exceptions.PostgresError):
        return QueryRejected(f"PostgreSQL says: {_said(error, source)}{_place(error, statement)}.")
    return QueryRejected(
        f"{source.place} sent a value that cannot be kept ({type(error).__name__}): a date before the year 1 or after "
        "9999, or text that is not UTF-8; leave it out, or cast it to text."
    )


def away(message: str) -> TransientFailure:
    """The database cannot be had now, and may be later."""
    return TransientFailure(message, ambiguous=False, code="database_away")


def _of_connection(error: Exception, source: PostgresSource) -> ConnectorError | None:
    match error:
        case (
            exceptions.InvalidPasswordError() | exceptions.InvalidAuthorizationSpecificationError()
        ):
            return AuthenticationRejected(
                f"{source.place} does not let {source.user} in: {_said(error, source)}. Check user and password"
                " (and, at the server, pg_hba.conf)."
            )
        case exceptions.InvalidCatalogNameError():
            return ConfigurationRejected(
                f"{source.place} has no such database: {_said(error, source)}."
            )
        case ssl.SSLCertVerificationError():
            return ConfigurationRejected(
                f"The certificate of {source.place} is not trusted: {error.verify_message}. Give the authority that"
                " signed it as caCertificate, or set sslMode to require (encrypted, but anybody could answer)."
            )
        case ssl.SSLError():
            return away(f"no encrypted connection to {source.place} could be made")
        case ConnectionRefusedError():
            return away(f"{source.place} refused the connection: no PostgreSQL listens there")
        case ConnectionError() if "rejected SSL upgrade" in str(error):
            return ConfigurationRejected(
                f"{source.place} has no TLS; switch it on there, or set sslMode to disable (in a network that you"
                " trust: the password and the data can be read on the way)."
            )
        case _:
            return None


def _said(error: Exception, source: PostgresSource) -> str:
    """The server's words; a server that repeats the password is not repeated."""
    text = str(getattr(error, "message", None) or error).split("\n", 1)[0] or type(error).__name__
    secret = source.password.get_secret_value()
    if len(secret) >= SHORTEST_SECRET:
        text = text.replace(secret, MASK)
    return escape(cut(text, _LONGEST)).rstrip(".")


def _place(error: asyncpg.PostgresError, statement: Statement | None) -> str:
    position = getattr(error, "position", None)
    if statement is None or not position or not str(position).isdecimal():
        return ""
    line, column = statement.line_and_column(int(position))
    return f" (line {line}, column {column})"
