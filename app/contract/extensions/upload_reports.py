"""Reports on how uploads were read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.contract.extensions.base import Output

Counts = dict[str, dict[str, int]]


class DialectOutput(Output):
    """How an upload is written. Null is what its format does not have."""

    encoding: Annotated[str | None, Field(examples=["utf-8", "utf-16-le"])]
    byte_order_mark: bool
    compression: Annotated[str | None, Field(examples=["gzip"])]
    line_ends: Annotated[list[str], Field(description="`LF`, `CRLF` and `CR`, as they were found.")]
    delimiter: Annotated[str | None, Field(examples=[";"])]
    quote: str | None
    skips_blanks: Annotated[
        bool, Field(description="Blanks after a delimiter are not part of the value.")
    ]


class ReadColumnOutput(Output):
    """A column of an upload: what it was read as, its DuckDB type, and why."""

    name: str
    role: Annotated[
        str,
        Field(description="`id`, `identifier`, `trait`, `entity`; of a dataset `column`."),
    ]
    identifier: Annotated[
        str | None,
        Field(
            description="The identifier that the column holds. In another spelling, the column is a trait, too."
        ),
    ]
    type: str
    reason: str


class UploadReport(Output):
    """How an upload was read. Counts of values are by column, then by reason."""

    format: str
    dialect: DialectOutput
    columns: list[ReadColumnOutput]
    skipped: Annotated[
        dict[str, int],
        Field(
            description="What was skipped: `empty_row`, `repeated_header`, `empty_column` (without name and values).",
            examples=[{"empty_row": 2}],
        ),
    ]
    replaced: Annotated[
        Counts,
        Field(
            description="Values in which something was replaced.",
            examples=[{"note": {"half_character": 1}}],
        ),
    ]
    dropped: Annotated[Counts, Field(description="Values that were left out.")]
    absent: Annotated[
        Counts, Field(description='Values that mean "no value".', examples=[{"email": {"word": 3}}])
    ]
