"""Body of the rows of a preview."""

from __future__ import annotations

from typing import Annotated, Literal

from app.contract.extensions.base import Output
from app.contract.extensions.members import MemberOutput
from app.core.described import about


class PreviewRowsData(Output):
    """The first members of a preview, with identifiers and traits."""

    status: Annotated[
        Literal["RUNNING", "COMPLETED", "FAILED"],
        about("State of the preview. Only a completed preview has rows.", "COMPLETED"),
    ]
    rows: Annotated[list[MemberOutput], about("The first 100 members, in the order of their ids.")]
