"""Datasets on the wire: named tables of a space that SQL definitions read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time

DatasetName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$",
        description="Under which SQL sees it: letters, digits and _, at most 63, no digit first.",
    ),
]


class DatasetInput(StrictInput):
    """A new dataset, without content yet."""

    name: DatasetName
    kind: Literal["upload"]


class Column(Output):
    """A column and its type in the engine's words."""

    name: str
    type: str


class DatasetOutput(Output):
    """A dataset; ``rows`` is null until its content was put."""

    id: str
    space_id: str
    name: str
    kind: str
    columns: list[Column]
    rows: int | None
    bytes: int | None
    created_by: str
    updated_by: str
    created_at: Time
    updated_at: Time


class DatasetData(Output):
    """One dataset."""

    dataset: DatasetOutput


class DatasetsData(Output):
    """A page of datasets."""

    datasets: list[DatasetOutput]
    pagination: PaginationOutput
