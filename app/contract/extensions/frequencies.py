"""The frequency of an activation: when its syncs start. The field ``type`` decides which other fields there are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypeAliasType

from app.contract.extensions.base import Output
from app.core.described import about

Zone = Annotated[
    str | None,
    about(
        "Time zone, by its name in the IANA database. By default UTC. Summer time is respected.",
        "Europe/Berlin",
    ),
]


class FrequencyOnRun(Output):
    """A sync starts after each run of a source: the default."""

    type: Annotated[Literal["on_run"], about("After each run of a source.", "on_run")]


class FrequencyOnce(Output):
    """One sync, at a time or at once."""

    type: Annotated[Literal["once"], about("One sync.", "once")]
    at: Annotated[
        str | None,
        about(
            "Time of the sync, in RFC 3339 with its offset. By default now; a time that is past is refused. A sync that is opened after it for another reason, "
            "such as `performResync`, is this sync; `performResync` before it waits for it.",
            "2026-02-01T06:30:00.000Z",
        ),
    ] = None


class FrequencyDaily(Output):
    """A sync each day."""

    type: Annotated[Literal["daily"], about("Each day.", "daily")]
    at: Annotated[
        str,
        Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
        about("Time of the day, as `HH:MM`.", "06:30"),
    ]
    zone: Zone = None


class FrequencyInterval(Output):
    """A sync after a number of minutes, again and again."""

    type: Annotated[Literal["interval"], about("At a fixed interval.", "interval")]
    minutes: Annotated[
        int,
        Field(ge=1, le=527_040),
        about("Minutes between two syncs, from 1 to 527040 (366 days).", 60),
    ]


class FrequencyCron(Output):
    """A sync at the times of a cron expression."""

    type: Annotated[Literal["cron"], about("At the times of a cron expression.", "cron")]
    expression: Annotated[
        str,
        about(
            "Five fields: minute, hour, day of the month, month, day of the week. No random times (`R`).",
            "30 6 * * 1-5",
        ),
    ]
    zone: Zone = None


#: A name of its own in the documents, which generated clients take over.
Frequency = TypeAliasType(
    "Frequency",
    Annotated[
        FrequencyOnRun | FrequencyOnce | FrequencyDaily | FrequencyInterval | FrequencyCron,
        Field(discriminator="type", description="When syncs start. The type decides the fields."),
    ],
)
