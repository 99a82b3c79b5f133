"""Bodies of operations on datasets: named tables of a space that SQL definitions read."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput
from app.contract.extensions.checks import WarningOutput
from app.contract.extensions.dataset_files import (
    DatasetFileInput,
    DatasetFileOutput,
    DatasetFilePatch,
)
from app.contract.extensions.upload_reports import UploadReport
from app.contract.fields import CreatedAt, CreatedBy, DatasetId, SpaceId, Time, UpdatedAt, UpdatedBy
from app.core.described import about
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

SourceTable = Annotated[
    Table | None,
    about(
        "Table to read: `schema.table` or `table`, spelled as PostgreSQL stores it, usually in lowercase. "
        "Excludes `query`.",
        "public.orders",
    ),
]


class PostgresSourceInput(StrictInput):
    """A PostgreSQL database, and the table or query to read."""

    host: Annotated[
        Host,
        about(
            "Name or address of the database server. One only; no list, no socket.",
            "warehouse.example.com",
        ),
    ]
    port: Annotated[Port, about("TCP port of the server, from 1 to 65535.", 5432)] = 5432
    database: Annotated[DatabaseName, about("Name of the database, 1 to 63 characters.", "shop")]
    user: Annotated[
        DatabaseName,
        about("Name of the database user. It needs the right to read only.", "activations_reader"),
    ]
    password: Annotated[
        Password,
        about(
            "Password of the user, 1 to 1024 characters. It is stored encrypted and never returned.",
            "correct-horse-battery-staple",
        ),
    ]
    ssl_mode: Annotated[SslMode, about(_MODE, "verify-full")] = "verify-full"
    ca_certificate: Annotated[
        Certificates | None,
        about(_AUTHORITY, "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"),
    ] = None
    table: SourceTable = None
    query: Annotated[Query | None, about(_ROWS, "SELECT id, email, total FROM public.orders")] = (
        None
    )


class PostgresSourcePatch(StrictInput):
    """Changes to a source. Null removes a certificate, table or query."""

    nullable: ClassVar[frozenset[str]] = frozenset({"caCertificate", "table", "query"})

    host: Annotated[
        Host | None,
        about(
            "Name or address of the database server. One only; no list, no socket.",
            "warehouse.example.com",
        ),
    ] = None
    port: Annotated[Port | None, about("TCP port of the server, from 1 to 65535.", 5432)] = None
    database: Annotated[
        DatabaseName | None, about("Name of the database, 1 to 63 characters.", "shop")
    ] = None
    user: Annotated[
        DatabaseName | None,
        about("Name of the database user. It needs the right to read only.", "activations_reader"),
    ] = None
    password: Annotated[
        Password | None,
        about(
            "Password of the user, 1 to 1024 characters. It is stored encrypted and never returned.",
            "correct-horse-battery-staple",
        ),
    ] = None
    ssl_mode: Annotated[SslMode | None, about(_MODE, "verify-full")] = None
    ca_certificate: Annotated[
        Certificates | None,
        about(_AUTHORITY, None, "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"),
    ] = None
    table: SourceTable = None
    query: Annotated[
        Query | None, about(_ROWS, None, "SELECT id, email, total FROM public.orders")
    ] = None


class DatasetInput(StrictInput):
    """A new dataset: an upload, empty until its content is put, a database, or a file that runs read."""

    name: Annotated[
        DatasetName,
        about(
            "Name of the table in SQL: at most 63 letters, digits and underscores; the first is no digit.",
            "orders",
        ),
    ]
    kind: Annotated[
        Literal["upload", "postgres", "object"],
        about(
            "`upload`: its content is put with a request. `postgres`: it is read from a database. `object`: each run reads a file of "
            "an object store or a server, if it changed.",
            "upload",
        ),
    ]
    source: Annotated[
        PostgresSourceInput | None, about("The database, for the kind `postgres` only.")
    ] = None
    file: Annotated[DatasetFileInput | None, about("The file, for the kind `object` only.")] = None


class DatasetPatch(StrictInput):
    """Changes to the database or the file that a dataset is read from."""

    source: Annotated[
        PostgresSourcePatch | None, about("Changes to the database, for the kind `postgres` only.")
    ] = None
    file: Annotated[
        DatasetFilePatch | None, about("Changes to the file, for the kind `object` only.")
    ] = None


class Column(Output):
    """A column and its DuckDB type."""

    name: Annotated[str, about("Name of the column.", "email")]
    type: Annotated[str, about("Type of the column in DuckDB.", "VARCHAR")]


class SecretSet(Output):
    """Whether a secret is stored. Its value is never returned."""

    set: Annotated[bool, about("Always true: a secret is stored.", True)]


class PostgresSourceOutput(Output):
    """A PostgreSQL database, and the table or query that is read."""

    host: Annotated[
        str,
        about(
            "Name or address of the database server. One only; no list, no socket.",
            "warehouse.example.com",
        ),
    ]
    port: Annotated[int, about("TCP port of the server, from 1 to 65535.", 5432)]
    database: Annotated[str, about("Name of the database, 1 to 63 characters.", "shop")]
    user: Annotated[
        str,
        about("Name of the database user. It needs the right to read only.", "activations_reader"),
    ]
    password: Annotated[
        SecretSet, about("Whether a password is stored. Its value is never returned.")
    ]
    ssl_mode: Annotated[str, about(_MODE, "verify-full")]
    ca_certificate: Annotated[
        str | None,
        about(_AUTHORITY, None, "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"),
    ]
    table: Annotated[
        str | None,
        about(
            "Table to read: `schema.table` or `table`, spelled as PostgreSQL stores it, usually in lowercase. "
            "Excludes `query`.",
            "public.orders",
        ),
    ]
    query: Annotated[str | None, about(_ROWS, None, "SELECT id, email, total FROM public.orders")]


class DatasetOutput(Output):
    """A dataset. ``rows`` is null before the first upload, and for a database, whose rows each run counts.

    ``reading`` reports how the content was read; lists of datasets leave it out.
    """

    id: DatasetId
    space_id: SpaceId
    name: Annotated[str, about("Name of the table in SQL.", "orders")]
    kind: Annotated[str, about("`upload`, `postgres` or `object`.", "upload")]
    source: Annotated[
        PostgresSourceOutput | None, about("The database; null for other kinds.", None)
    ]
    file: Annotated[
        DatasetFileOutput | None,
        about("The file of the kind `object`; null for other kinds.", None),
    ]
    columns: Annotated[
        list[Column],
        about("Columns of the content, in their order. Empty before the first upload."),
    ]
    reading: Annotated[UploadReport | None, about("How the newest content was read.")] = None
    rows: Annotated[
        int | None,
        about(
            "Number of rows. Null before the first upload, and for a database, whose rows each run counts.",
            15230,
        ),
    ]
    bytes: Annotated[
        int | None,
        about(
            "Size of the stored content in bytes. Null before the first upload, and for a database.",
            481254,
        ),
    ]
    created_by: CreatedBy
    updated_by: UpdatedBy
    created_at: CreatedAt
    updated_at: UpdatedAt


class DatasetCheckOutput(Output):
    """Whether the database or the file can be read, with its message, and the columns."""

    ok: Annotated[bool, about("Whether the database or the file can be read.", True)]
    message: Annotated[
        str,
        about(
            "What the check found, as a sentence.",
            "Connected to warehouse.example.com:5432, and 4 columns can be read.",
        ),
    ]
    columns: Annotated[
        list[Column] | None,
        about(
            "Columns of the table or query, or of a file that was read already. Null if they are not known."
        ),
    ]
    warnings: Annotated[
        list[str],
        about(
            "What works, but should be changed.",
            ["The user may write. Use one that can read only."],
        ),
    ]


class DatasetCheckData(Output):
    """The result of a check."""

    check: Annotated[DatasetCheckOutput, about("The result of the check.")]


class DatasetData(Output):
    """One dataset."""

    dataset: Annotated[DatasetOutput, about("The dataset.")]


class SavedDatasetData(DatasetData):
    """A dataset that was saved, with warnings about its file."""

    warnings: Annotated[
        list[WarningOutput],
        about("What was accepted, and may not do what its author expects. Empty: nothing."),
    ]


class DatasetsData(Output):
    """A page of datasets."""

    datasets: Annotated[list[DatasetOutput], about("The datasets of this page, oldest first.")]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]


class DatasetContentOutput(Output):
    """A former content of a dataset, which an upload or a restoration has replaced."""

    id: Annotated[str, about("Id of the content.", "dsc_0vK3mQr8WdN5kP2xV7yLaT")]
    columns: Annotated[list[Column], about("Columns of the content, in their order.")]
    rows: Annotated[int, about("Number of rows.", 15230)]
    bytes: Annotated[int, about("Size of the stored content in bytes.", 481254)]
    uploaded_by: Annotated[str, about("Who uploaded it.", "public-api-token/TJ7z8cg6")]
    uploaded_at: Annotated[
        Time, about("Time of the upload, in RFC 3339, in UTC.", "2026-01-24T09:30:00.000Z")
    ]
    replaced_at: Annotated[
        Time,
        about("Time at which it was replaced. It is kept for 30 days.", "2026-01-31T12:00:00.000Z"),
    ]


class DatasetContentsData(Output):
    """The former contents of a dataset that are kept, newest first."""

    contents: Annotated[
        list[DatasetContentOutput],
        about("Up to five former contents, the one that was replaced last first."),
    ]
