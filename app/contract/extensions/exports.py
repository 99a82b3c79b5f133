"""Bodies of operations on exported files."""

from __future__ import annotations

from typing import Annotated

from app.contract.extensions.base import Output, Time
from app.core.described import about


class ExportOutput(Output):
    """A file that a sync has written."""

    name: Annotated[
        str,
        about(
            "Name of the file; bucket and key if the file is in your object store.",
            "spring-buyers-000012.csv",
        ),
    ]
    bytes: Annotated[
        int | None, about("Size of the file in bytes. Null while it is written.", 48211)
    ]
    sha256: Annotated[
        str | None,
        about(
            "SHA-256 of the file, in hexadecimal digits.",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ),
    ]
    rows: Annotated[int | None, about("Number of rows of the file.", 1204)]
    url: Annotated[
        str | None,
        about(
            "Link to download the file without a token until it expires. Null if the file is in your object "
            "store, or was deleted.",
            "https://activations.example.com/exports/spring-buyers-000012.csv?signature=6b1f",
        ),
    ]
    expires_at: Annotated[
        Time | None,
        about(
            "Time at which the link expires and the file is deleted.", "2026-02-07T12:00:00.000Z"
        ),
    ]


class ExportsData(Output):
    """The files of a sync."""

    exports: Annotated[
        list[ExportOutput], about("The files, in the order in which they were written.")
    ]
