"""Bodies of operations on audiences and their runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.contract.audience_schedules import AudienceSchedule
from app.contract.envelope import Input, Name, Output, PaginationOutput, Text
from app.contract.extensions.base import StrictInput
from app.contract.fields import (
    AudienceId,
    AudienceName,
    CreatedAt,
    CreatedBy,
    RunId,
    SpaceId,
    UpdatedAt,
    UpdatedBy,
)
from app.core.described import about

AudienceType = Literal["USERS", "ACCOUNTS", "LINKED"]
_Description = Annotated[str, Field(max_length=4096)]
Identifiers = Annotated[list[Name], Field(max_length=100)]

IncludeHistoricalData = Annotated[
    bool | None,
    about(
        "Whether past data counts. Stored and returned; a definition reads the whole content of its datasets.",
        True,
    ),
]


class AudienceDefinitionInput(Input):
    """The definition of an audience: empty, or SQL over the datasets of the space."""

    query: Annotated[
        Text,
        about(
            "SQL over the datasets of the space, with `$as_of` for the time of the run. One column must be "
            "`profile_id`. Empty: the members are uploaded.",
            "SELECT user_id AS profile_id, email FROM orders WHERE day > CAST($as_of AS DATE) - 30",
        ),
    ]
    target_entity: Annotated[
        Name | None,
        about(
            "Name of the entity that a linked audience consists of. Needed only there.", "account"
        ),
    ] = None


class AudienceOptionsInput(Input):
    """Options of the computation; stored and returned."""

    filter_by_external_ids: Annotated[
        Identifiers | None,
        about(
            "Names of the identifiers that members keep. Stored and returned; the columns of the definition "
            "decide.",
            ["user_id", "email"],
        ),
    ] = None
    include_historical_data: IncludeHistoricalData = None
    backfill_event_data_days: Annotated[
        Annotated[float, Field(ge=0, le=100_000)] | None,
        about(
            "Number of days of past data. Stored and returned; write the time into the definition instead.",
            30,
        ),
    ] = None


class CreateAudienceInput(Input):
    """A new audience."""

    name: Annotated[
        Name,
        about(
            "Name of the audience, 1 to 255 characters. Its key is derived from it and never changes.",
            "Spring buyers",
        ),
    ]
    definition: Annotated[
        AudienceDefinitionInput,
        about("Who is in the audience: SQL, or an empty query for uploaded members."),
    ]
    audience_type: Annotated[
        AudienceType,
        about(
            "What the members are: profiles (`USERS`), accounts (`ACCOUNTS`) or entities (`LINKED`).",
            "USERS",
        ),
    ]
    enabled: Annotated[
        bool | None,
        about("Whether schedules and activations compute the audience. By default true.", True),
    ] = None
    description: Annotated[
        _Description | None,
        about("A text about the audience, at most 4096 characters.", "Bought within 30 days"),
    ] = None
    options: Annotated[AudienceOptionsInput | None, about("Options of the computation.")] = None


class DefinitionUpdate(Input):
    """Changes to a definition."""

    query: Annotated[
        Text | None,
        about(
            "SQL over the datasets of the space, with `$as_of` for the time of the run. One column must be "
            "`profile_id`. Empty: the members are uploaded.",
            "SELECT user_id AS profile_id, email FROM orders WHERE day > CAST($as_of AS DATE) - 30",
        ),
    ] = None
    target_entity: Annotated[
        Name | None, about("Name of the entity that a linked audience consists of.", "account")
    ] = None


class UpdateAudienceForSpaceInput(Input):
    """Changes to an audience."""

    enabled: Annotated[
        bool | None, about("Whether schedules and activations compute the audience.", True)
    ] = None
    name: Annotated[Name | None, about("New name. The key does not change.", "Recent buyers")] = (
        None
    )
    description: Annotated[
        _Description | None,
        about("A text about the audience, at most 4096 characters.", "Bought within 30 days"),
    ] = None
    definition: Annotated[
        DefinitionUpdate | None, about("New definition. It applies from the next run on.")
    ] = None
    options: Annotated[AudienceOptionsInput | None, about("Options of the computation.")] = None


class AudienceSearchInput(Input):
    """A filter of audiences by name, key or definition."""

    type: Annotated[
        Literal["NAME", "KEY", "DEFINITION"],
        about(
            "Where the text is searched: in names, at the beginning of keys, or in definitions.",
            "NAME",
        ),
    ]
    query: Annotated[
        str,
        Field(max_length=255),
        about("The text, at most 255 characters, in any case.", "buyers"),
    ]


class AudienceSortInput(Input):
    """The order of a list of audiences."""

    field: Annotated[
        Literal["NAME", "CREATED_AT", "UPDATED_AT"],
        about("The field by which the list is sorted.", "CREATED_AT"),
    ]
    direction: Annotated[Literal["ASC", "DESC"], about("Ascending or descending.", "DESC")] = "ASC"


class ForceRunInput(StrictInput):
    """Extension of this service: the time as of which the audience is computed, and whether the snapshot becomes current
    although a newer one exists."""

    as_of: Annotated[
        Name | None,
        about(
            "Time as of which the audience is computed, in RFC 3339 with its offset: the value of `$as_of`. By "
            "default now.",
            "2026-01-31T12:00:00Z",
        ),
    ] = None
    make_current: Annotated[
        bool | None,
        about(
            "Whether the snapshot becomes current although a newer one exists. By default false.",
            True,
        ),
    ] = None


class AudienceDefinition(Output):
    """The definition of an audience."""

    query: Annotated[
        str,
        about(
            "The SQL of the definition. Empty: the members are uploaded.",
            "SELECT user_id AS profile_id, email FROM orders WHERE day > CAST($as_of AS DATE) - 30",
        ),
    ]
    target_entity: Annotated[
        str | None, about("Name of the entity that a linked audience consists of.", "profile")
    ] = None


class AudienceOptions(Output):
    """Options of the computation."""

    filter_by_external_ids: Annotated[
        list[str] | None,
        about(
            "Names of the identifiers that members keep. Stored and returned; the columns of the definition "
            "decide.",
            ["user_id", "email"],
        ),
    ] = None
    include_historical_data: IncludeHistoricalData = None
    backfill_event_data_days: Annotated[
        float | None,
        about(
            "Number of days of past data. Stored and returned; write the time into the definition instead.",
            30,
        ),
    ] = None


class AudienceSummary(Output):
    """An audience without its size and schedules."""

    id: AudienceId
    space_id: SpaceId
    name: AudienceName
    description: Annotated[
        str | None,
        about("A text about the audience, at most 4096 characters.", "Bought within 30 days"),
    ] = None
    key: Annotated[
        str,
        about(
            "Key of the audience, unique in the space. It is derived from the first name and never changes.",
            "spring_buyers",
        ),
    ]
    enabled: Annotated[bool, about("Whether schedules and activations compute the audience.", True)]
    definition: Annotated[AudienceDefinition | None, about("Who is in the audience.")]
    status: Annotated[
        str | None,
        about(
            "State of the audience in Segment's words: `Preparing` (a run waits), `Computing`, `Live`, "
            "`Failed` (the newest run), `Not Computing` (never computed) or `Disabled`.",
            "Live",
        ),
    ] = None
    created_by: CreatedBy
    updated_by: UpdatedBy
    created_at: CreatedAt
    updated_at: UpdatedAt
    audience_type: Annotated[
        AudienceType,
        about(
            "What the members are: profiles (`USERS`), accounts (`ACCOUNTS`) or entities (`LINKED`).",
            "USERS",
        ),
    ]
    options: Annotated[AudienceOptions | None, about("Options of the computation.")] = None


class AudienceComputeCadence(Output):
    """How the audience is computed."""

    type: Annotated[
        Literal["BATCH", "REALTIME"],
        about("Always `BATCH`: an audience is computed in runs.", "BATCH"),
    ]


class AudienceSize(Output):
    """The number of members."""

    type: Annotated[Literal["USERS", "ACCOUNTS", "ENTITIES"], about("What is counted.", "USERS")]
    count: Annotated[int | None, about("Number of members.", 1204)] = None
    unique_count: Annotated[
        int | None,
        about(
            "Number of different profiles. It differs from `count` only for linked audiences.", 1204
        ),
    ] = None


class Audience(AudienceSummary):
    """An audience with its size and schedules."""

    compute_cadence: Annotated[AudienceComputeCadence, about("How the audience is computed.")]
    size: Annotated[
        AudienceSize | None,
        about(
            "Number of members of the current snapshot. Absent until the audience has been computed."
        ),
    ] = None
    schedules: Annotated[
        list[AudienceSchedule] | None,
        about("Schedules of automatic runs; only with `include=schedules`."),
    ] = None


class CreateAudienceOutput(Output):
    """The created audience."""

    audience: Annotated[AudienceSummary, about("The audience.")]


class UpdateAudienceForSpaceOutput(Output):
    """The updated audience."""

    audience: Annotated[AudienceSummary, about("The audience.")]


class GetAudienceOutput(Output):
    """One audience."""

    audience: Annotated[Audience, about("The audience.")]


class ListAudiencesPaginatedOutput(Output):
    """A page of the audiences of a space."""

    audiences: Annotated[list[Audience], about("The audiences of this page, oldest first.")]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]


class RemoveAudienceFromSpaceOutput(Output):
    """The audience was removed."""

    status: Annotated[
        Literal["SUCCESS"], about("Always `SUCCESS`. A failure has another HTTP status.", "SUCCESS")
    ]


class ListAudienceConsumersFromSpaceAndAudienceAlphaOutput(Output):
    """A page of the audiences that use an audience."""

    audiences: Annotated[
        list[AudienceSummary], about("The audiences that use this audience, oldest first.")
    ]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]


class AudienceRun(Output):
    """The id of a run."""

    id: RunId


class ForceExecuteAudienceRunOutput(Output):
    """The started run."""

    run: Annotated[AudienceRun, about("The run that was started, or the one that already waits.")]
