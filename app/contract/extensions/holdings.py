"""Holdings on the wire: what, as far as we know, the destination holds because of an activation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput


class HoldingOutput(Output):
    """One key."""

    key_type: str
    key: str
    arm: str | None
    list: str | None = Field(description="Where it is at the partner: the list or attribute")
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


class SeedInput(StrictInput):
    """Where to read what is at the destination already."""

    from_: Literal["partner"] = Field(alias="from")


class DriftInput(StrictInput):
    """What to do about what differs."""

    repair: bool = Field(
        default=False,
        description="Have the next sync send what is missing and take out what is extra; nobody else is touched.",
    )


class DriftKeyOutput(Output):
    """A key of ours."""

    key_type: str
    key: str
    profile_id: str


class DriftMemberOutput(Output):
    """A member of the partner's."""

    partner_id: str | None
    identifiers: dict[str, str]


class DriftKeysOutput(Output):
    """How many, and up to 100 of them."""

    count: int
    samples: list[DriftKeyOutput]


class DriftMembersOutput(Output):
    """How many, and up to 100 of them."""

    count: int
    samples: list[DriftMemberOutput]


class DriftOutput(Output):
    """The partner's list against what we think it holds."""

    there: int = Field(description="Members of the partner's list.")
    held: int = Field(description="Keys that we hold, those that may be there included.")
    missing: DriftKeysOutput = Field(description="Held, and not there.")
    extra: DriftKeysOutput = Field(
        description="There, though we have put it there and taken it away again."
    )
    foreign: DriftMembersOutput = Field(description="There, and never ours.")
    repaired: bool


class DriftData(Output):
    """What differs."""

    drift: DriftOutput
