"""The settings of a PostgreSQL source, as fields. A free DSN could name files, sockets and lists of hosts."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from app.sources.postgres.statement import MAX_LENGTH, StatementRejected, read_statement

SslMode = Literal["disable", "require", "verify-full"]

# One name or one address: no socket path, no list, no zone.
HOST = r"^[A-Za-z0-9:](?:[A-Za-z0-9._:-]*[A-Za-z0-9])?\.?$"
TABLE = r'^[^."\x00]{1,63}(?:\.[^."\x00]{1,63})?$'
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _plain(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must not contain control characters")
    return text


def _certificates(text: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError, TypeError):
        raise ValueError(
            "must be one or more certificates in PEM: -----BEGIN CERTIFICATE-----, …"
        ) from None
    return text


def _query(text: str) -> str:
    try:
        read_statement(text)
    except StatementRejected as error:
        raise ValueError("; ".join(error.reasons)) from None
    return text


Host = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=HOST,
        description="One name or address; no list, no socket.",
    ),
]
Port = Annotated[int, Field(ge=1, le=65535)]
DatabaseName = Annotated[str, Field(min_length=1, max_length=63), AfterValidator(_plain)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=1024)]
Certificates = Annotated[str, Field(max_length=64 * 1024), AfterValidator(_certificates)]
Table = Annotated[
    str,
    Field(
        pattern=TABLE,
        description="`schema.table` or `table`, spelled as PostgreSQL stores it, usually in lowercase.",
    ),
]
Query = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH), AfterValidator(_query)]


class PostgresSource(BaseModel):
    """A connection, and a table or a query to read. With neither, only definitions run in the database."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: Host
    port: Port = 5432
    database: DatabaseName
    user: DatabaseName
    password: Password
    ssl_mode: SslMode = "verify-full"
    ca_certificate: Certificates | None = None
    table: Table | None = None
    query: Query | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if self.table is not None and self.query is not None:
            raise ValueError("table and query exclude each other; leave one out, or set it to null")
        if self.ca_certificate is not None and self.ssl_mode == "disable":
            raise ValueError("caCertificate has no effect with sslMode disable")
        return self

    @classmethod
    def from_stored(cls, fields: Mapping[str, Any]) -> PostgresSource:
        """Create a source from stored fields without validating them again, because parsing a long query takes time."""
        return cls.model_construct(**{**fields, "password": SecretStr(fields["password"])})

    @property
    def sql(self) -> str | None:
        """Return the statement that reads the source; None if it has neither a table nor a query."""
        if self.table is None:
            return self.query
        names = (f'"{part}"' for part in self.table.split("."))
        return f"SELECT * FROM {'.'.join(names)}"  # noqa: S608  (the pattern excludes quotes)

    @property
    def server(self) -> str:
        """Return ``host:port``, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
