"""Bodies of operations on holdings: the recorded members at the destination because of an activation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput


class HoldingOutput(Output):
    """A key at the destination."""

    key_type: str
    key: str
    arm: str | None
    list: str | None = Field(description="Place of the key at the partner: the list or attribute")
    member_id: str
    profile_id: str
    identity: dict[str, Any]
    held: str
    assumed: bool
    refused: bool
    partner_id: str | None
    sync_number: int | None


class HoldingsData(Output):
    """A page of holdings. ``held`` and ``assumed`` count all holdings of the activation."""

    holdings: list[HoldingOutput]
    held: int
    assumed: int
    pagination: PaginationOutput


class HoldingsCount(Output):
    """The number of held keys, and of the held keys that this service has not sent."""

    held: int
    assumed: int


class HoldingsCountData(Output):
    """The number of held keys."""

    holdings: HoldingsCount


class SeedInput(StrictInput):
    """The source from which the holdings are read."""

    from_: Literal["partner"] = Field(alias="from")
