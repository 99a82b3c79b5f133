"""Bodies of operations on accounts at partners. A secret is returned as ``{"set": true, "last4": …}`` only."""

from __future__ import annotations

from typing import Annotated, Any

from app.contract.extensions.base import Name, Output, PaginationOutput, StrictInput, Time
from app.contract.fields import (
    CreatedAt,
    CreatedBy,
    DestinationId,
    Slug,
    SpaceId,
    UpdatedAt,
    UpdatedBy,
)
from app.core.described import about


class DestinationInput(StrictInput):
    """A new account."""

    slug: Annotated[
        Name,
        about(
            "Slug of the partner in the catalogue. It decides which settings there are.", "webhook"
        ),
    ]
    name: Annotated[Name, about("Name of the account, 1 to 255 characters.", "Our receiver")]
    settings: Annotated[
        dict[str, Any],
        about(
            "Settings of the account, by the slug.", {"url": "https://hooks.example.com/audiences"}
        ),
    ] = {}


class DestinationPatch(StrictInput):
    """Changes to an account. Settings are merged; null removes a setting, or regenerates a secret that the service creates."""

    name: Annotated[
        Name | None, about("New name of the account, 1 to 255 characters.", "Our other receiver")
    ] = None
    settings: Annotated[
        dict[str, Any] | None,
        about(
            "Settings to change, with the names that the account's slug has; others stay. Null removes a "
            "setting, or generates a new secret if the service creates it. A setting that decides the target "
            "host requires its secrets to be entered again.",
            {"batch_size": 500},
        ),
    ] = None


_CONNECTION_SETTINGS = about(
    "Settings of a connection that are checked, too. They are not stored.", {"list_id": "XyZ12a"}
)


class CheckInput(StrictInput):
    """Changed settings, and connection settings, to check together with the settings of the account."""

    connection_settings: Annotated[dict[str, Any], _CONNECTION_SETTINGS] = {}
    settings: Annotated[
        dict[str, Any] | None,
        about(
            "Changes to the settings of the account, as in a `PATCH`, which are checked before they are saved. They "
            "are not stored, and resume nothing.",
            {"batch_size": 500},
        ),
    ] = None


class SettingsCheckInput(StrictInput):
    """Settings to check before an account is added."""

    slug: Annotated[Name, about("Slug of the partner in the catalogue.", "klaviyo")]
    settings: Annotated[
        dict[str, Any],
        about(
            "Settings of the new account, by the slug. They are not stored.",
            {"api_key": "pk_6f1d2c3b4a5968778695a4b3c2d1e0f9a8"},
        ),
    ] = {}
    connection_settings: Annotated[dict[str, Any], _CONNECTION_SETTINGS] = {}


class Breaker(Output):
    """The open circuit breaker of an account: no calls until ``openUntil``, and the reason."""

    open_until: Annotated[
        Time | None, about("Time until which no calls are made.", "2026-01-31T12:05:00.000Z")
    ]
    reason: Annotated[
        str | None, about("Why the calls were stopped.", "16 of the last 20 calls failed: HTTP 503")
    ]


class RateBudgetOutput(Output):
    """A limit of the partner, and how much of it is used. All activations of the account share it."""

    name: Annotated[str, about("Name of the budget.", "import-minute")]
    calls: Annotated[int, about("Number of calls that the partner allows in a window.", 150)]
    window_seconds: Annotated[float, about("Length of the window in seconds.", 60)]
    used: Annotated[
        int | None,
        about(
            "Number of calls that are used of the current window, as the service counts them or as the partner "
            "reported. Null if it is not known: without Redis, each worker counts its own calls.",
            42,
            None,
        ),
    ]
    until: Annotated[
        Time | None,
        about(
            "Time at which nothing is used if no further call is made. Null if nothing is used, or it is not known.",
            "2026-01-31T12:01:00.000Z",
            None,
        ),
    ]


class DestinationOutput(Output):
    """An account at a partner."""

    id: DestinationId
    space_id: SpaceId
    slug: Slug
    name: Annotated[str, about("Name of the account.", "Our receiver")]
    settings: Annotated[
        dict[str, Any],
        about(
            "Settings of the account, by the slug. A secret is shown as set, with its last four characters.",
            {
                "url": "https://hooks.example.com/audiences",
                "secret": {"set": True, "last4": "t9Qw"},
                "method": "POST",
                "headers": {},
                "batch_size": 100,
                "form": "batch",
            },
        ),
    ]
    breaker: Annotated[
        Breaker | None,
        about(
            "The open circuit breaker. Null while calls are made.",
            None,
            {
                "openUntil": "2026-01-31T12:05:00.000Z",
                "reason": "16 of the last 20 calls failed: HTTP 503",
            },
        ),
    ]
    rate_budgets: Annotated[
        list[RateBudgetOutput],
        about(
            "Rate budgets of the account. Empty if the service does not limit calls to this partner.",
            [],
            [
                {
                    "name": "import-minute",
                    "calls": 150,
                    "windowSeconds": 60,
                    "used": 42,
                    "until": "2026-01-31T12:01:00.000Z",
                }
            ],
        ),
    ]
    created_by: CreatedBy
    updated_by: UpdatedBy
    created_at: CreatedAt
    updated_at: UpdatedAt


class CheckOutput(Output):
    """Whether the account works, and the partner's message."""

    ok: Annotated[bool, about("Whether the account works.", True)]
    message: Annotated[
        str, about("What the partner said, as a sentence.", "The receiver responded with HTTP 204.")
    ]
    warnings: Annotated[list[str], about("What works, but should be changed.", [])]


class DestinationData(Output):
    """One account."""

    destination: Annotated[DestinationOutput, about("The account.")]


class DestinationsData(Output):
    """A page of accounts."""

    destinations: Annotated[
        list[DestinationOutput], about("The accounts of this page, oldest first.")
    ]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]


class CheckData(Output):
    """The result of a check."""

    check: Annotated[CheckOutput, about("The result of the check.")]
