"""Reports on how uploads were read."""

from __future__ import annotations

from typing import Annotated

from app.contract.extensions.base import Output
from app.core.described import about

Counts = dict[str, dict[str, int]]


class DialectOutput(Output):
    """How an upload is written. Null is what its format does not have."""

    encoding: Annotated[
        str | None, about("Encoding of the text. Null for Parquet.", "utf-8", "utf-16-le")
    ]
    detected_by: Annotated[
        str | None,
        about(
            "Letters outside ASCII by which the encoding was detected; an empty text if the file has none. Null if it was "
            "not detected: the text is UTF-8 or UTF-16, or the upload named its encoding.",
            None,
            "ö, ü, ß",
        ),
    ] = None
    byte_order_mark: Annotated[
        bool, about("Whether the text begins with a byte order mark.", False)
    ]
    compression: Annotated[
        str | None, about("`gzip` or `zstd`; null without compression.", None, "gzip")
    ]
    line_ends: Annotated[list[str], about("`LF`, `CRLF` and `CR`, as they were found.", ["LF"])]
    delimiter: Annotated[str | None, about("The delimiter of a CSV file.", ",", ";")]
    quote: Annotated[str | None, about("The quote of a CSV file.", '"')]
    skips_blanks: Annotated[
        bool, about("Blanks after a delimiter are not part of the value.", False)
    ]


class ReadColumnOutput(Output):
    """A column of an upload: what it was read as, its DuckDB type, and why."""

    name: Annotated[str, about("Name of the column.", "email")]
    role: Annotated[
        str, about("`id`, `identifier`, `trait`, `entity`; of a dataset `column`.", "identifier")
    ]
    identifier: Annotated[
        str | None,
        about(
            "The identifier that the column holds. In another spelling, the column is a trait, too.",
            "email",
            None,
        ),
    ]
    type: Annotated[str, about("Type of the column in DuckDB.", "VARCHAR")]
    reason: Annotated[
        str,
        about(
            "Why the column has its role and type, as a sentence.",
            "The name is that of the identifier email.",
        ),
    ]
    conversion: Annotated[
        str | None,
        about(
            "SQL expression of the column for a definition, if all of its texts look like numbers or dates in another notation, such as "
            "`12,50`. Nothing is converted without it. Null otherwise.",
            None,
            "CAST(replace(\"amount\", ',', '.') AS DECIMAL(18, 2))",
        ),
    ] = None


class UploadReport(Output):
    """How an upload was read. Counts of values are by column, then by reason."""

    format: Annotated[str, about("`csv`, `ndjson` or `parquet`.", "csv")]
    dialect: Annotated[DialectOutput, about("How the file is written.")]
    columns: Annotated[list[ReadColumnOutput], about("The columns, in their order.")]
    skipped: Annotated[
        dict[str, int],
        about(
            "What was skipped: `empty_row`, `repeated_header`, `refused_key` (rows of refused keys), `empty_column` (without name and values).",
            {"empty_row": 2},
        ),
    ]
    replaced: Annotated[
        Counts,
        about(
            "Values in which something was replaced, by column and reason.",
            {"note": {"half_character": 1}},
        ),
    ]
    dropped: Annotated[
        Counts,
        about(
            "Values that were left out, by column and reason.",
            {},
            {"entities": {"not_an_object": 1}},
        ),
    ]
    absent: Annotated[
        Counts, about('Values that mean "no value", by column and reason.', {"email": {"word": 3}})
    ]
