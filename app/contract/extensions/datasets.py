"""Bodies of operations on datasets: named tables of a space that SQL definitions read."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time
from app.contract.extensions.upload_reports import UploadReport
from app.sources import Certificates, DatabaseName, Host, Password, Port, Query, SslMode, Table

DatasetName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$",
        description="Name of the table in SQL: at most 63 letters, digits and underscores; the first is no digit.",
    ),
]


_MODE = """How the connection is protected: `verify-full` (encrypted, and the server's certificate and host name are verified),
`require` (encrypted; the server is not verified unless `caCertificate` is given), `disable`."""
_AUTHORITY = "CA certificates of the server, in PEM. By default the CA certificates of the system."
_ROWS = "Definitions read the `table` or the rows of the `query` under the dataset's name. With neither, they run in the database."


class PostgresSourceInput(StrictInput):
    """A PostgreSQL database, and the table or query to read."""

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
    """Changes to a source. Null removes a certificate, table or query."""

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
    """A new dataset: an upload, empty until its content is put, or a database."""

    name: DatasetName
    kind: Literal["upload", "postgres"]
    source: PostgresSourceInput | None = None


class DatasetPatch(StrictInput):
    """Changes to the source of a dataset in a database."""

    source: PostgresSourcePatch | None = None


class Column(Output):
    """A column and its DuckDB type."""

    name: str
    type: str


class SecretSet(Output):
    """Whether a secret is stored. Its value is never returned."""

    set: bool


class PostgresSourceOutput(Output):
    """A PostgreSQL database, and the table or query that is read."""

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
    """A dataset. ``rows`` is null before the first upload, and for a database, whose rows each run counts.

    ``reading`` reports how the content was read; lists of datasets leave it out.
    """

    id: str
    space_id: str
    name: str
    kind: str
    source: PostgresSourceOutput | None
    columns: list[Column]
    reading: UploadReport | None = None
    rows: int | None
    bytes: int | None
    created_by: str
    updated_by: str
    created_at: Time
    updated_at: Time


class DatasetCheckOutput(Output):
    """Whether the database can be read, with its message, and the columns of the table or query."""

    ok: bool
    message: str
    columns: list[Column] | None
    warnings: list[str]


class DatasetCheckData(Output):
    """The result of a check."""

    check: DatasetCheckOutput


class DatasetData(Output):
    """One dataset."""

    dataset: DatasetOutput


class DatasetsData(Output):
    """A page of datasets."""

    datasets: list[DatasetOutput]
    pagination: PaginationOutput
