"""Bodies of operations on exported files."""

from __future__ import annotations

from pydantic import Field

from app.contract.extensions.base import Output, Time


class ExportOutput(Output):
    """A file that a sync has written."""

    name: str = Field(
        description="Name of the file; bucket and key if the file is in your object store."
    )
    bytes: int | None
    sha256: str | None
    rows: int | None
    url: str | None = Field(
        description="Link to download the file without a token until it expires. Null if the file is in your object "
        "store, or was deleted."
    )
    expires_at: Time | None


class ExportsData(Output):
    """The files of a sync."""

    exports: list[ExportOutput]
