"""Holdings on the wire: what, as far as we know, the destination holds because of an activation."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.contract.envelope import Name
from app.contract.extensions.base import Output, PaginationOutput, StrictInput


class HoldingInput(StrictInput):
    """One key that is said to be at the partner; the profile is its key where none is given."""

    key: Name
    key_type: Annotated[Name | None, Field(description="Default: the activation's first identifier.")] = None  # fmt: skip
    profile_id: Name | None = None
    partner_id: Name | None = None


class HoldingsInput(StrictInput):
    """The whole of what is at the partner: as a list here, or by the id of a list to read there."""

    holdings: Annotated[list[HoldingInput] | None, Field(max_length=10_000)] = None
    list_id: Name | None = None


class HoldingOutput(Output):
    """One key."""

    key_type: str
    key: str
    profile_id: str | None
    arm: str | None
    held: str
    identity: dict[str, Any]
    refused: bool
    partner_id: str | None
    sync_number: int | None


class HoldingsData(Output):
    """A page of holdings."""

    holdings: list[HoldingOutput]
    held: int
    assumed: int
    pagination: PaginationOutput


class HoldingsCountData(Output):
    """How many keys are held."""

    held: int
    assumed: int


class HoldingsCount(Output):
    """How many keys are held."""

    holdings: HoldingsCountData
