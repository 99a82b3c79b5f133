"""Bodies of operations on runs."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, Time
from app.contract.extensions.upload_reports import Counts, UploadReport


class RunSource(Output):
    """A dataset that a run has read: the content of an upload, or the rows of a database and the time of reading."""

    dataset_id: str
    name: str
    kind: str
    rows: int
    bytes: int
    sha256: str | None = None
    pushed_down: bool | None = None
    read_at: Time | None = None


class TypeChange(Output):
    """A trait whose type changed with an upload, because a value did not fit the type before."""

    trait: str
    before: str
    after: str


class RunOutput(Output):
    """A computation of an audience. ``reading`` reports how its upload was read; lists of runs leave it out."""

    id: str
    audience_id: str
    kind: str
    trigger: str
    status: str
    as_of: Time
    make_current: bool
    became_current: bool | None
    members: int | None
    entered: int | None
    exited: int | None
    snapshot_id: str | None
    sources: list[RunSource] | None
    notes: list[str] = []
    type_changes: list[TypeChange] = []
    absent: Counts = Field(
        default_factory=dict,
        description="Values of identifiers that are none, by column and reason: word, shared_word, display_name, address_list, "
        "not_an_address, not_a_number, not_a_text.",
        examples=[{"email": {"word": 3, "display_name": 1}}],
    )
    reading: UploadReport | None = None
    error: Any
    created_at: Time
    started_at: Time | None
    finished_at: Time | None


class RunData(Output):
    """One run."""

    run: RunOutput


class RunsData(Output):
    """A page of runs."""

    runs: list[RunOutput]
    pagination: PaginationOutput
