"""Holdings on the wire: what, as far as we know, the destination holds because of an activation."""

from __future__ import annotations

from typing import Any

from app.contract.extensions.base import Output, PaginationOutput


class HoldingOutput(Output):
    """One key."""

    key_type: str
    key: str
    arm: str | None
    member_id: str
    profile_id: str
    identity: dict[str, Any]
    held: str
    assumed: bool
    refused: bool
    partner_id: str | None
    sync_number: int | None


class HoldingsData(Output):
    """A page of holdings; ``held`` and ``assumed`` count all of them."""

    holdings: list[HoldingOutput]
    held: int
    assumed: int
    pagination: PaginationOutput


class HoldingsCount(Output):
    """How many keys are held, and how many of them were never sent by us."""

    held: int
    assumed: int


class HoldingsCountData(Output):
    """How many keys are held."""

    holdings: HoldingsCount
