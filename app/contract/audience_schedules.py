"""Bodies of operations on the schedules of an audience."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.contract.envelope import Input, Output
from app.core.described import SchemaOf, about

Interval = Literal["15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]
_INTERVAL = about(
    "Time between runs: minutes (`m`), hours (`h`) or a day. Intervals count from midnight in UTC.",
    "1h",
)
_DAYS = about("Days of the week, from 0 (Sunday) to 6 (Saturday).", [1, 2, 3, 4, 5])
_HOURS = about("Hours of the day, from 0 to 23. A run starts at the full hour.", [6])
_TIMEZONE = about("Time zone of days and hours, by its name in the IANA database.", "Europe/Berlin")

Strategy = Annotated[
    Literal["PERIODIC", "SPECIFIC_DAYS"],
    about(
        "`PERIODIC`: at a fixed interval. `SPECIFIC_DAYS`: at hours of days of the week. It decides the "
        "form of `config`.",
        "PERIODIC",
    ),
]


class PeriodicConfig(Output):
    """A run at a fixed interval."""

    interval: Annotated[Interval, _INTERVAL]


class SpecificDaysConfig(Output):
    """Runs at these hours on these days of the week (0 is Sunday), in a time zone."""

    days: Annotated[list[int], _DAYS]
    hours: Annotated[list[int], _HOURS]
    timezone: Annotated[str, _TIMEZONE]


class AudienceSchedule(Output):
    """A schedule of automatic runs."""

    id: Annotated[str, about("Id of the schedule.", "sch_0vK3mT4YbL6fQ3zV7oHrXe")]
    strategy: Strategy
    config: Annotated[
        PeriodicConfig | SpecificDaysConfig | None,
        about("When the runs are due, in the form that belongs to the strategy."),
    ]
    next_execution: Annotated[
        str | None, about("Time of the next run, in RFC 3339, in UTC.", "2026-01-31T13:00:00.000Z")
    ] = None


class PeriodicConfigInput(Input):
    """A run at a fixed interval."""

    interval: Annotated[Interval, _INTERVAL]


class SpecificDaysConfigInput(Input):
    """Runs at these hours on these days of the week (0 is Sunday), in a time zone."""

    days: Annotated[
        list[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1, max_length=7), _DAYS
    ]
    hours: Annotated[
        list[Annotated[int, Field(ge=0, le=23)]], Field(min_length=1, max_length=24), _HOURS
    ]
    timezone: Annotated[str, _TIMEZONE]


class ScheduleInput(Input):
    """When to compute an audience."""

    strategy: Strategy
    config: Annotated[
        dict[str, Any],
        SchemaOf(PeriodicConfigInput | SpecificDaysConfigInput),
        about(
            "When the runs are due: an interval for `PERIODIC`; days, hours and time zone for `SPECIFIC_DAYS`."
        ),
    ]


class AddAudienceScheduleToAudienceInput(ScheduleInput):
    """A new schedule."""


class UpdateAudienceScheduleForAudienceInput(ScheduleInput):
    """The new strategy and configuration of a schedule."""


class AddAudienceScheduleToAudienceOutput(Output):
    """The created schedule."""

    audience_schedule: Annotated[AudienceSchedule, about("The schedule.")]


class GetAudienceScheduleFromSpaceAndAudienceOutput(Output):
    """One schedule."""

    audience_schedule: Annotated[AudienceSchedule, about("The schedule.")]


class UpdateAudienceScheduleForAudienceOutput(Output):
    """The updated schedule."""

    audience_schedule: Annotated[AudienceSchedule, about("The schedule.")]


class ListAudienceSchedulesFromSpaceAndAudienceOutput(Output):
    """The schedules of an audience."""

    audience_schedules: Annotated[
        list[AudienceSchedule], about("The schedules of the audience, oldest first.")
    ]


class RemoveAudienceScheduleFromAudienceOutput(Output):
    """The schedule was removed."""

    status: Annotated[
        Literal["SUCCESS"], about("Always `SUCCESS`. A failure has another HTTP status.", "SUCCESS")
    ]
