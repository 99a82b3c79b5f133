"""Audiences, their runs, schedules and previews on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.contract.envelope import Input, Name, Output, PaginationOutput, Text

AudienceType = Literal["USERS", "ACCOUNTS", "LINKED"]
_Description = Annotated[str, Field(max_length=4096)]
_Identifiers = Annotated[list[Name], Field(max_length=100)]


class AudienceDefinitionInput(Input):
    """What an audience is computed from: empty, or SQL over the space's datasets."""

    query: Text
    target_entity: Name | None = None


class AudienceOptionsInput(Input):
    """Options of the computation; kept and answered."""

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
    """What changes of a definition."""

    query: Text | None = None
    target_entity: Name | None = None


class UpdateAudienceForSpaceInput(Input):
    """What changes of an audience."""

    enabled: bool | None = None
    name: Name | None = None
    description: _Description | None = None
    definition: DefinitionUpdate | None = None
    options: AudienceOptionsInput | None = None


class AudienceSearchInput(Input):
    """Which audiences: by name, key or definition."""

    type: Literal["NAME", "KEY", "DEFINITION"]
    query: Annotated[str, Field(max_length=255)]


class AudienceSortInput(Input):
    """In which order."""

    field: Literal["NAME", "CREATED_AT", "UPDATED_AT"]
    direction: Literal["ASC", "DESC"] = "ASC"


class ForceRunInput(Input):
    """Ours: as of which moment the audience is computed, and whether it then counts although a newer one is there."""

    as_of: Name | None = None
    make_current: bool | None = None


class AudienceDefinition(Output):
    """What an audience is computed from."""

    query: str
    target_entity: str | None = None


class AudienceOptions(Output):
    """Options of the computation."""

    filter_by_external_ids: list[str] | None = None
    include_historical_data: bool | None = None
    backfill_event_data_days: float | None = None


class AudienceSummary(Output):
    """An audience, short form."""

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
    """How it is computed."""

    type: Literal["BATCH", "REALTIME"]


class AudienceSize(Output):
    """How many members it has."""

    type: Literal["USERS", "ACCOUNTS", "ENTITIES"]
    count: int | None = None
    unique_count: int | None = None


class PeriodicConfig(Output):
    """Every so often."""

    interval: Literal["15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]


class SpecificDaysConfig(Output):
    """At these hours of these days of the week (0 is Sunday), by the clock of a time zone."""

    days: list[int]
    hours: list[int]
    timezone: str


class AudienceSchedule(Output):
    """When an audience is computed by itself."""

    id: str
    strategy: Literal["PERIODIC", "SPECIFIC_DAYS"]
    config: PeriodicConfig | SpecificDaysConfig | None
    next_execution: str | None = None


class Audience(Output):
    """An audience, long form."""

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
    """The audience that was made."""

    audience: AudienceSummary


class UpdateAudienceForSpaceOutput(Output):
    """The audience as it is now."""

    audience: AudienceSummary


class GetAudienceOutput(Output):
    """One audience."""

    audience: Audience


class ListAudiencesPaginatedOutput(Output):
    """Audiences of a space."""

    audiences: list[Audience]
    pagination: PaginationOutput


class RemoveAudienceFromSpaceOutput(Output):
    """The audience is gone."""

    status: Literal["SUCCESS"]


class ListAudienceConsumersFromSpaceAndAudienceAlphaOutput(Output):
    """Audiences that use this one."""

    audiences: list[AudienceSummary]
    pagination: PaginationOutput


class AudienceRun(Output):
    """A run, by its id."""

    id: str


class ForceExecuteAudienceRunOutput(Output):
    """The run that was started."""

    run: AudienceRun


class ScheduleInput(Input):
    """When an audience is to be computed."""

    strategy: Literal["PERIODIC", "SPECIFIC_DAYS"]
    config: dict[str, Any]


class AddAudienceScheduleToAudienceInput(ScheduleInput):
    """A new schedule."""


class UpdateAudienceScheduleForAudienceInput(ScheduleInput):
    """What a schedule becomes."""


class AddAudienceScheduleToAudienceOutput(Output):
    """The schedule that was made."""

    audience_schedule: AudienceSchedule


class GetAudienceScheduleFromSpaceAndAudienceOutput(Output):
    """One schedule."""

    audience_schedule: AudienceSchedule


class UpdateAudienceScheduleForAudienceOutput(Output):
    """The schedule as it is now."""

    audience_schedule: AudienceSchedule


class ListAudienceSchedulesFromSpaceAndAudienceOutput(Output):
    """Schedules of an audience."""

    audience_schedules: list[AudienceSchedule]


class RemoveAudienceScheduleFromAudienceOutput(Output):
    """The schedule is gone."""

    status: Literal["SUCCESS"]


class PreviewOptionsInput(Input):
    """Options of a preview."""

    filter_by_external_ids: _Identifiers | None = None
    backfill_event_data_days: Annotated[float, Field(ge=0, le=100_000)] | None = None


class CreateAudiencePreviewInput(Input):
    """A definition to try."""

    definition: AudienceDefinitionInput
    audience_type: AudienceType
    options: PreviewOptionsInput | None = None


class AudiencePreviewIdentifier(Output):
    """A preview, by its id."""

    id: str


class CreateAudiencePreviewOutput(Output):
    """The preview that was started."""

    audience_preview: AudiencePreviewIdentifier


class AudiencePreview(Output):
    """A definition that was tried."""

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
