"""Exported files on the wire."""

from __future__ import annotations

from pydantic import Field

from app.contract.extensions.base import Output, Time


class ExportOutput(Output):
    """One file that a sync has written."""

    name: str = Field(description="Its name; for a file in a store of yours, bucket and key.")
    bytes: int | None
    sha256: str | None
    rows: int | None
    url: str | None = Field(
        description="Opens the file without a token until it expires; null for a file in a store of yours, and "
        "where it is no longer kept."
    )
    expires_at: Time | None


class ExportsData(Output):
    """The files of a sync."""

    exports: list[ExportOutput]
