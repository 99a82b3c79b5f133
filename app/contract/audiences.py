"""Bodies of operations on audiences, their runs, schedules and previews."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.contract.envelope import Input, Name, Output, PaginationOutput, Text

AudienceType = Literal["USERS", "ACCOUNTS", "LINKED"]
_Description = Annotated[str, Field(max_length=4096)]
_Identifiers = Annotated[list[Name], Field(max_length=100)]


class AudienceDefinitionInput(Input):
    """The definition of an audience: empty, or SQL over the datasets of the space."""

    query: Text
    target_entity: Name | None = None


class AudienceOptionsInput(Input):
    """Options of the computation; stored and returned."""

    filter_by_external_ids: _Identifiers | None = None
    include_historical_data: bool | None = None
    backfill_event_data_days: Annotated[float, Field(ge=0, le=100_000)] | None = None


class CreateAudienceInput(Input):
    """A new audience."""

    name: Name
    definition: AudienceDefinitionInput
    audience_type: AudienceType
    enabled: bool | None = None
    description: _Description | None = None
    options: AudienceOptionsInput | None = None


class DefinitionUpdate(Input):
    """Changes to a definition."""

    query: Text | None = None
    target_entity: Name | None = None


class UpdateAudienceForSpaceInput(Input):
    """Changes to an audience."""

    enabled: bool | None = None
    name: Name | None = None
    description: _Description | None = None
    definition: DefinitionUpdate | None = None
    options: AudienceOptionsInput | None = None


class AudienceSearchInput(Input):
    """A filter of audiences by name, key or definition."""

    type: Literal["NAME", "KEY", "DEFINITION"]
    query: Annotated[str, Field(max_length=255)]


class AudienceSortInput(Input):
    """The order of a list of audiences."""

    field: Literal["NAME", "CREATED_AT", "UPDATED_AT"]
    direction: Literal["ASC", "DESC"] = "ASC"


class ForceRunInput(Input):
    """Extension of this service: the time as of which the audience is computed, and whether the snapshot becomes current
    although a newer one exists."""

    as_of: Name | None = None
    make_current: bool | None = None


class AudienceDefinition(Output):
    """The definition of an audience."""

    query: str
    target_entity: str | None = None


class AudienceOptions(Output):
    """Options of the computation."""

    filter_by_external_ids: list[str] | None = None
    include_historical_data: bool | None = None
    backfill_event_data_days: float | None = None


class AudienceSummary(Output):
    """An audience without its size and schedules."""

    id: str
    space_id: str
    name: str
    description: str | None = None
    key: str
    enabled: bool
    definition: AudienceDefinition | None
    status: str | None = None
    created_by: str
    updated_by: str
    created_at: str
    updated_at: str
    audience_type: AudienceType
    options: AudienceOptions | None = None


class AudienceComputeCadence(Output):
    """How the audience is computed."""

    type: Literal["BATCH", "REALTIME"]


class AudienceSize(Output):
    """The number of members."""

    type: Literal["USERS", "ACCOUNTS", "ENTITIES"]
    count: int | None = None
    unique_count: int | None = None


class PeriodicConfig(Output):
    """A run at a fixed interval."""

    interval: Literal["15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]


class SpecificDaysConfig(Output):
    """Runs at these hours on these days of the week (0 is Sunday), in a time zone."""

    days: list[int]
    hours: list[int]
    timezone: str


class AudienceSchedule(Output):
    """A schedule of automatic runs."""

    id: str
    strategy: Literal["PERIODIC", "SPECIFIC_DAYS"]
    config: PeriodicConfig | SpecificDaysConfig | None
    next_execution: str | None = None


class Audience(Output):
    """An audience with its size and schedules."""

    id: str
    space_id: str
    name: str
    description: str | None = None
    key: str
    enabled: bool
    definition: AudienceDefinition | None
    status: str | None = None
    created_by: str
    updated_by: str
    created_at: str
    updated_at: str
    audience_type: AudienceType
    compute_cadence: AudienceComputeCadence
    size: AudienceSize | None = None
    options: AudienceOptions | None = None
    schedules: list[AudienceSchedule] | None = None


class CreateAudienceOutput(Output):
    """The created audience."""

    audience: AudienceSummary


class UpdateAudienceForSpaceOutput(Output):
    """The updated audience."""

    audience: AudienceSummary


class GetAudienceOutput(Output):
    """One audience."""

    audience: Audience


class ListAudiencesPaginatedOutput(Output):
    """A page of the audiences of a space."""

    audiences: list[Audience]
    pagination: PaginationOutput


class RemoveAudienceFromSpaceOutput(Output):
    """The audience was removed."""

    status: Literal["SUCCESS"]


class ListAudienceConsumersFromSpaceAndAudienceAlphaOutput(Output):
    """A page of the audiences that use an audience."""

    audiences: list[AudienceSummary]
    pagination: PaginationOutput


class AudienceRun(Output):
    """The id of a run."""

    id: str


class ForceExecuteAudienceRunOutput(Output):
    """The started run."""

    run: AudienceRun


class ScheduleInput(Input):
    """When to compute an audience."""

    strategy: Literal["PERIODIC", "SPECIFIC_DAYS"]
    config: dict[str, Any]


class AddAudienceScheduleToAudienceInput(ScheduleInput):
    """A new schedule."""


class UpdateAudienceScheduleForAudienceInput(ScheduleInput):
    """The new strategy and configuration of a schedule."""


class AddAudienceScheduleToAudienceOutput(Output):
    """The created schedule."""

    audience_schedule: AudienceSchedule


class GetAudienceScheduleFromSpaceAndAudienceOutput(Output):
    """One schedule."""

    audience_schedule: AudienceSchedule


class UpdateAudienceScheduleForAudienceOutput(Output):
    """The updated schedule."""

    audience_schedule: AudienceSchedule


class ListAudienceSchedulesFromSpaceAndAudienceOutput(Output):
    """The schedules of an audience."""

    audience_schedules: list[AudienceSchedule]


class RemoveAudienceScheduleFromAudienceOutput(Output):
    """The schedule was removed."""

    status: Literal["SUCCESS"]


class PreviewOptionsInput(Input):
    """Options of a preview."""

    filter_by_external_ids: _Identifiers | None = None
    backfill_event_data_days: Annotated[float, Field(ge=0, le=100_000)] | None = None


class CreateAudiencePreviewInput(Input):
    """A definition to preview."""

    definition: AudienceDefinitionInput
    audience_type: AudienceType
    options: PreviewOptionsInput | None = None


class AudiencePreviewIdentifier(Output):
    """The id of a preview."""

    id: str


class CreateAudiencePreviewOutput(Output):
    """The started preview."""

    audience_preview: AudiencePreviewIdentifier


class AudiencePreview(Output):
    """A preview of a definition: its status, and its results once it is completed."""

    id: str
    audience_type: AudienceType
    definition: AudienceDefinition
    options: AudienceOptions
    status: Literal["RUNNING", "COMPLETED", "FAILED"]
    results: list[dict[str, Any]] | None = None
    size: AudienceSize | None = None
    failure_reason: str | None = None


class GetAudiencePreviewOutput(Output):
    """One preview."""

    audience_preview: AudiencePreview
