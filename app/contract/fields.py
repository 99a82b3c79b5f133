"""Fields that many bodies have: ids, names, authors and times, each with its description and an example.

The examples of all bodies tell of one audience, ``Spring buyers``, and its activation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

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
