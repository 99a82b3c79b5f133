"""Bodies of operations that show what a dataset contains, and who reads it."""

from __future__ import annotations

from typing import Annotated, Any

from app.contract.extensions.base import Output, Time
from app.contract.fields import AudienceId
from app.core.described import about


class DatasetRowsData(Output):
    """The first rows of a dataset."""

    rows: Annotated[
        list[dict[str, Any]],
        about(
            "Up to 20 rows, each with its columns; a column without a value is left out.",
            [{"id": "1001", "email": "ada@example.com", "total": 42.5}],
        ),
    ]


class DatasetColumnOutput(Output):
    """A column of a dataset, as the one whose values become the ids of members."""

    name: Annotated[str, about("Name of the column.", "email")]
    type: Annotated[str, about("Type of the column in DuckDB.", "VARCHAR")]
    missing: Annotated[
        int | None,
        about(
            'Number of rows without a value: empty, or a word for "no value" such as `n/a`. Null if they are not counted.',
            1,
        ),
    ]
    repeated: Annotated[
        int | None,
        about(
            "Number of values that are in more than one row. 0: the column can be the id. Null if they are not counted.",
            0,
        ),
    ]
    unusable: Annotated[
        int | None,
        about(
            "Number of rows whose value cannot be an id, because it has a control character. Null if they are not counted.",
            0,
        ),
    ]


class DatasetColumnsData(Output):
    """The columns of a dataset."""

    columns: Annotated[
        list[DatasetColumnOutput],
        about(
            "The columns in their order. None before the first upload, and before the check of a database."
        ),
    ]


class DatasetUserOutput(Output):
    """An audience whose definition names a dataset."""

    audience_id: AudienceId
    audience_name: Annotated[str, about("Name of the audience.", "Repeat buyers")]
    read_at: Annotated[
        Time | None,
        about(
            "Time at which the newest run of the audience read the dataset. Null before the first one.",
            "2026-01-31T12:00:00.000Z",
        ),
    ]


class DatasetUsersData(Output):
    """The audiences whose definitions name a dataset."""

    audiences: Annotated[list[DatasetUserOutput], about("The audiences, oldest first.")]
