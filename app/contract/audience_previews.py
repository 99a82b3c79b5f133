"""Bodies of operations on previews of definitions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.contract.audiences import (
    AudienceDefinition,
    AudienceDefinitionInput,
    AudienceOptions,
    AudienceSize,
    AudienceType,
    Identifiers,
)
from app.contract.envelope import Input, Output
from app.core.described import about


class PreviewOptionsInput(Input):
    """Options of a preview."""

    filter_by_external_ids: Annotated[
        Identifiers | None,
        about(
            "Names of the identifiers that members keep. Stored and returned; the columns of the definition "
            "decide.",
            ["user_id", "email"],
        ),
    ] = None
    backfill_event_data_days: Annotated[
        Annotated[float, Field(ge=0, le=100_000)] | None,
        about(
            "Number of days of past data. Stored and returned; write the time into the definition instead.",
            30,
        ),
    ] = None


class CreateAudiencePreviewInput(Input):
    """A definition to preview."""

    definition: Annotated[
        AudienceDefinitionInput, about("The definition to compute. Nothing is saved.")
    ]
    audience_type: Annotated[
        AudienceType,
        about(
            "What the members are: profiles (`USERS`), accounts (`ACCOUNTS`) or entities (`LINKED`).",
            "USERS",
        ),
    ]
    options: Annotated[PreviewOptionsInput | None, about("Options of the computation.")] = None


class AudiencePreviewIdentifier(Output):
    """The id of a preview."""

    id: Annotated[str, about("Id of the preview.", "pre_0vK3mUc8NdR5gS1xW4jFqZ")]


class CreateAudiencePreviewOutput(Output):
    """The started preview."""

    audience_preview: Annotated[AudiencePreviewIdentifier, about("The preview.")]


class AudiencePreview(Output):
    """A preview of a definition: its status, and its results once it is completed."""

    id: Annotated[str, about("Id of the preview.", "pre_0vK3mUc8NdR5gS1xW4jFqZ")]
    audience_type: Annotated[
        AudienceType,
        about(
            "What the members are: profiles (`USERS`), accounts (`ACCOUNTS`) or entities (`LINKED`).",
            "USERS",
        ),
    ]
    definition: Annotated[AudienceDefinition, about("The definition that is computed.")]
    options: Annotated[AudienceOptions, about("Options of the computation.")]
    status: Annotated[
        Literal["RUNNING", "COMPLETED", "FAILED"],
        about("State of the preview. Ask again until it is `COMPLETED` or `FAILED`.", "COMPLETED"),
    ]
    results: Annotated[
        list[dict[str, Any]] | None,
        about(
            "The first 100 members, each with its `id`. Only if the preview is completed.",
            [{"id": "u-1001"}, {"id": "u-1002"}],
        ),
    ] = None
    size: Annotated[
        AudienceSize | None, about("Number of members. Only if the preview is completed.")
    ] = None
    failure_reason: Annotated[
        str | None,
        about(
            "Why the preview failed. Only if it failed.",
            "There is no table orders; did you mean order?",
        ),
    ] = None


class GetAudiencePreviewOutput(Output):
    """One preview."""

    audience_preview: Annotated[AudiencePreview, about("The preview.")]
