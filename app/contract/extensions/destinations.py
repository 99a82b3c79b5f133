"""Bodies of operations on accounts at partners. A secret is returned as ``{"set": true, "last4": …}`` only."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.contract.envelope import Name
from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time


class DestinationInput(StrictInput):
    """A new account."""

    slug: Annotated[Name, Field(description="Slug of the partner in the catalogue.")]
    name: Name
    settings: Annotated[
        dict[str, Any],
        Field(description="Settings of the account, with the names that the catalogue shows."),
    ] = {}


class DestinationPatch(StrictInput):
    """Changes to an account. Settings are merged; null removes a setting, or regenerates a secret that the service creates."""

    name: Name | None = None
    settings: dict[str, Any] | None = None


class CheckInput(StrictInput):
    """Connection settings to check together with the settings of the account."""

    connection_settings: dict[str, Any] = {}


class Breaker(Output):
    """The open circuit breaker of an account: no calls until ``openUntil``, and the reason."""

    open_until: Time | None
    reason: str | None


class DestinationOutput(Output):
    """An account at a partner."""

    id: str
    space_id: str
    slug: str
    name: str
    settings: dict[str, Any]
    breaker: Breaker | None
    created_by: str
    updated_by: str
    created_at: Time
    updated_at: Time


class CheckOutput(Output):
    """Whether the account works, and the partner's message."""

    ok: bool
    message: str
    warnings: list[str]


class DestinationData(Output):
    """One account."""

    destination: DestinationOutput


class DestinationsData(Output):
    """A page of accounts."""

    destinations: list[DestinationOutput]
    pagination: PaginationOutput


class CheckData(Output):
    """The result of a check."""

    check: CheckOutput
