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


class DriftInput(StrictInput):
    """Whether to repair the differences."""

    repair: bool = Field(
        default=False,
        description="The next sync sends the missing keys and removes the extra keys. Foreign members are not changed.",
    )


class DriftKeyOutput(Output):
    """A key that this service has sent."""

    key_type: str
    key: str
    profile_id: str


class DriftMemberOutput(Output):
    """A member of the partner's list."""

    partner_id: str | None
    identifiers: dict[str, str]


class DriftKeysOutput(Output):
    """The number of keys, and up to 100 samples."""

    count: int
    samples: list[DriftKeyOutput]


class DriftMembersOutput(Output):
    """The number of members, and up to 100 samples."""

    count: int
    samples: list[DriftMemberOutput]


class DriftOutput(Output):
    """Differences between the partner's list and the recorded holdings."""

    there: int = Field(description="Number of members of the partner's list.")
    held: int = Field(description="Number of held keys, including those whose delivery is unknown.")
    missing: DriftKeysOutput = Field(
        description="Held keys that the partner's list does not contain."
    )
    extra: DriftKeysOutput = Field(
        description="Keys in the partner's list that this service has added and removed again."
    )
    foreign: DriftMembersOutput = Field(
        description="Members of the partner's list that this service has never sent."
    )
    repaired: bool


class DriftData(Output):
    """The result of a drift check."""

    drift: DriftOutput
