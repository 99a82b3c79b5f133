"""Bodies of drift checks."""

from __future__ import annotations

from pydantic import Field

from app.contract.extensions.base import Output, StrictInput


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
    of_others: int = Field(
        description="Number of members of the partner's list that only other activations with this list hold. They are neither "
        "extra nor foreign."
    )
    repaired: bool


class DriftData(Output):
    """The result of a drift check."""

    drift: DriftOutput
