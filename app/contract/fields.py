"""Fields that many bodies have: ids, names, authors and times, each with its description and an example.

The examples of all bodies tell of one audience, ``Spring buyers``, and its activation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from app.core.clock import to_wire
from app.core.described import about


def _text(value: object) -> object:
    return to_wire(value) if isinstance(value, datetime) else value


Time = Annotated[
    str,
    BeforeValidator(_text),
    about("A time in RFC 3339, in UTC, with milliseconds.", "2026-01-31T12:00:00.000Z"),
]
CreatedAt = Annotated[
    Time, about("Time of the creation, in RFC 3339, in UTC.", "2026-01-24T09:30:00.000Z")
]
UpdatedAt = Annotated[
    Time, about("Time of the last change, in RFC 3339, in UTC.", "2026-01-31T12:00:00.000Z")
]
_TOKEN = "public-api-token/TJ7z8cg6"  # noqa: S105 - an example of an actor, not a token
CreatedBy = Annotated[str, about("Who created it: an API token, or the service.", _TOKEN)]
UpdatedBy = Annotated[str, about("Who changed it last: an API token, or the service.", _TOKEN)]

# Of the state of an activation.
ActivationState = Annotated[
    str,
    about("`active`, `inactive` (not enabled) or `error` (paused until it is fixed).", "active"),
]
LastSyncedAt = Annotated[
    Time | None,
    about(
        "Time at which the last sync was complete. Null before the first.",
        "2026-01-31T05:31:07.000Z",
    ),
]
NextDueAt = Annotated[
    Time | None,
    about(
        "Time at which the frequency starts the next sync. Null if it does not depend on the clock.",
        "2026-02-01T05:30:00.000Z",
    ),
]
LastError = Annotated[
    Any,
    about(
        "The last error: `message` for people, `code` for programs. Null without one.",
        None,
        {
            "code": "unauthorized",
            "message": "Klaviyo refuses the API key (HTTP 401).",
            "at": "2026-01-31T12:00:00.000Z",
        },
    ),
]

SpaceId = Annotated[str, about("Id of the space.", "spa_0vK3mQ7ZtB5xR1nW9cYdEf")]
AudienceId = Annotated[str, about("Id of the audience.", "aud_0vK3mR2HsD8pL4jT6uXaGb")]
AudienceName = Annotated[str, about("Name of the audience.", "Spring buyers")]
ConnectionId = Annotated[
    str, about("Id of the connection of an audience to an account.", "ii_0vK3mRaWqF1yN7kC3eZoIh")
]
ActivationId = Annotated[str, about("Id of the activation.", "act_0vK3mS5VgJ9bM2rP8iUwLt")]
ActivationName = Annotated[str, about("Name of the activation.", "Spring buyers")]
DestinationId = Annotated[
    str, about("Id of the account (destination) at the partner.", "66be7aeca665bd11f8908630")
]
Slug = Annotated[str, about("Slug of the partner in the catalogue.", "webhook")]
DatasetId = Annotated[str, about("Id of the dataset.", "dst_0vK3mQp4XcT6hY1aK7nRzS")]
RunId = Annotated[str, about("Id of the run.", "run_0vK3mWh5PzB8vD4kY2jTrA")]
SnapshotId = Annotated[str, about("Id of the snapshot.", "snp_0vK3mXw2FbQ9tG6nZ5cLsJ")]
RevisionId = Annotated[str, about("Id of the revision.", "rev_0vK3mVn6KyM4wF7bX3hQsG")]
SyncId = Annotated[str, about("Id of the sync.", "syn_0vK3mYd7RgX5uH8pA4fMtB")]
ProfileId = Annotated[str, about("Id of the profile.", "u-1001")]
KeyType = Annotated[
    str,
    about(
        "Type of the key: `email`, `phone`, `user_id`, another identifier, or `member` for the id of the "
        "member.",
        "email",
    ),
]
MemberKey = Annotated[
    str, about("The normalised value by which the partner knows the member.", "ada@example.com")
]
SyncKind = Annotated[
    str,
    about(
        "`incremental` (sends differences), `resync` (sends all), `baseline` (records members as "
        "delivered), `dry_run` (sends nothing) or `test` (a test send).",
        "incremental",
    ),
]
