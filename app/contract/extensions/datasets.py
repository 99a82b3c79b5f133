"""Datasets on the wire: named tables of a space that SQL definitions read."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time
from app.sources import Certificates, DatabaseName, Host, Password, Port, Query, SslMode, Table

DatasetName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$",
        description="Under which SQL sees it: letters, digits and _, at most 63, no digit first.",
    ),
]


_MODE = """How the way there is protected: `verify-full` (encrypted, and the certificate is the server's), `require` (encrypted;
anybody could answer, unless `caCertificate` is given), `disable`."""
_AUTHORITY = "Certificates in PEM that sign the server's; unset: those that this machine trusts."
_ROWS = "Either `table` or `query` is what definitions read under the dataset's name; with neither they run in the database."


class PostgresSourceInput(StrictInput):
    """A PostgreSQL, and what is read there."""

    host: Host
    port: Port = 5432
    database: DatabaseName
    user: DatabaseName
    password: Password
    ssl_mode: Annotated[SslMode, Field(description=_MODE)] = "verify-full"
    ca_certificate: Annotated[Certificates, Field(description=_AUTHORITY)] | None = None
    table: Table | None = None
    query: Annotated[Query, Field(description=_ROWS)] | None = None


class PostgresSourcePatch(StrictInput):
    """What changes of a source; a null takes a certificate, table or query away."""

    nullable: ClassVar[frozenset[str]] = frozenset({"caCertificate", "table", "query"})

    host: Host | None = None
    port: Port | None = None
    database: DatabaseName | None = None
    user: DatabaseName | None = None
    password: Password | None = None
    ssl_mode: SslMode | None = None
    ca_certificate: Certificates | None = None
    table: Table | None = None
    query: Query | None = None


class DatasetInput(StrictInput):
    """A new dataset: empty until its content is put, or read from a database."""

    name: DatasetName
    kind: Literal["upload", "postgres"]
    source: PostgresSourceInput | None = None


class DatasetPatch(StrictInput):
    """What changes of a dataset in a database."""

    source: PostgresSourcePatch | None = None


class Column(Output):
    """A column and its type in the engine's words."""

    name: str
    type: str


class SecretSet(Output):
    """A secret is stored; it is not shown."""

    set: bool


class PostgresSourceOutput(Output):
    """A PostgreSQL, and what is read there."""

    host: str
    port: int
    database: str
    user: str
    password: SecretSet
    ssl_mode: str
    ca_certificate: str | None
    table: str | None
    query: str | None


class DatasetOutput(Output):
    """A dataset; ``rows`` is null until its content was put, and in a database, where each run counts them."""

    id: str
    space_id: str
    name: str
    kind: str
    source: PostgresSourceOutput | None
    columns: list[Column]
    rows: int | None
    bytes: int | None
    created_by: str
    updated_by: str
    created_at: Time
    updated_at: Time


class DatasetCheckOutput(Output):
    """Whether the database can be read, in its own words; columns where there is a table or a query."""

    ok: bool
    message: str
    columns: list[Column] | None
    warnings: list[str]


class DatasetCheckData(Output):
    """One check."""

    check: DatasetCheckOutput


class DatasetData(Output):
    """One dataset."""

    dataset: DatasetOutput


class DatasetsData(Output):
    """A page of datasets."""

    datasets: list[DatasetOutput]
    pagination: PaginationOutput
