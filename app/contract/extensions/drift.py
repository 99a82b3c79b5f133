"""Bodies of drift checks."""

from __future__ import annotations

from typing import Annotated

from app.contract.extensions.base import Output, StrictInput
from app.contract.fields import KeyType, MemberKey, ProfileId
from app.core.described import about


class DriftInput(StrictInput):
    """Whether to repair the differences."""

    repair: Annotated[
        bool,
        about(
            "Whether to repair: the next sync sends the missing keys and removes the extra keys. Foreign "
            "members are not changed.",
            True,
        ),
    ] = False


class DriftKeyOutput(Output):
    """A key that this service has sent."""

    key_type: KeyType
    key: MemberKey
    profile_id: ProfileId


class DriftMemberOutput(Output):
    """A member of the partner's list."""

    partner_id: Annotated[
        str | None,
        about(
            "Id of the profile at the partner, if the partner returns one.",
            "01HV6ZK9Y3T4N8Q2W5R7X1B6CD",
        ),
    ]
    identifiers: Annotated[
        dict[str, str],
        about(
            "Identifiers that the partner returns, by their names.", {"email": "grace@example.com"}
        ),
    ]


class DriftKeysOutput(Output):
    """The number of keys, and up to 100 samples."""

    count: Annotated[int, about("Number of keys.", 2)]
    samples: Annotated[list[DriftKeyOutput], about("Up to 100 of them.")]


class DriftMembersOutput(Output):
    """The number of members, and up to 100 samples."""

    count: Annotated[int, about("Number of members.", 1)]
    samples: Annotated[list[DriftMemberOutput], about("Up to 100 of them.")]


class DriftOutput(Output):
    """Differences between the partner's list and the recorded holdings."""

    there: Annotated[int, about("Number of members of the partner's list.", 1203)]
    held: Annotated[
        int, about("Number of held keys, including those whose delivery is unknown.", 1204)
    ]
    missing: Annotated[
        DriftKeysOutput, about("Held keys that the partner's list does not contain.")
    ]
    extra: Annotated[
        DriftKeysOutput,
        about("Keys in the partner's list that this service has added and removed again."),
    ]
    foreign: Annotated[
        DriftMembersOutput, about("Members of the partner's list that this service has never sent.")
    ]
    of_others: Annotated[
        int,
        about(
            "Number of members of the partner's list that only other activations with this list hold. They are "
            "neither extra nor foreign.",
            0,
        ),
    ]
    repaired: Annotated[
        bool, about("Whether the repair was requested: the next sync does it.", False)
    ]


class DriftData(Output):
    """The result of a drift check."""

    drift: Annotated[DriftOutput, about("The differences.")]
