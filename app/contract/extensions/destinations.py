"""Accounts at partners on the wire; a secret is only ever answered as ``{"set": true, "last4": …}``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.contract.envelope import Name
from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time


class DestinationInput(StrictInput):
    """A new account."""

    slug: Annotated[Name, Field(description="Which partner, as the catalogue names it.")]
    name: Name
    settings: Annotated[
        dict[str, Any], Field(description="The partner's settings, in its own names.")
    ] = {}


class DestinationPatch(StrictInput):
    """What changes; settings are merged, a null takes one away (a null secret that we make is made anew)."""

    name: Name | None = None
    settings: dict[str, Any] | None = None


class CheckInput(StrictInput):
    """What to check the account with besides its own settings."""

    connection_settings: dict[str, Any] = {}


class Breaker(Output):
    """Whether the account is left alone for a while, and why."""

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
    """Whether the account works, in the partner's terms."""

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
    """One check."""

    check: CheckOutput
