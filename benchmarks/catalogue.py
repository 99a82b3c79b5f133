"""All rows of the table, in its order."""

from __future__ import annotations

from benchmarks import (
    console,
    databases,
    deliver,
    exports,
    get_activation,
    large_uploads,
    mapping,
    nightly,
    operations,
    partner_limit,
    small_audiences,
    small_changes,
    start,
    upload,
    workers,
)
from benchmarks.rows import Row

ROWS: tuple[Row, ...] = tuple(
    sorted(
        (
            row
            for module in (
                console,
                databases,
                deliver,
                exports,
                get_activation,
                large_uploads,
                mapping,
                nightly,
                operations,
                partner_limit,
                small_audiences,
                small_changes,
                start,
                upload,
                workers,
            )
            for row in module.ROWS
        ),
        key=lambda row: int(row.name[1:]),
    )
)
