"""Bodies of operations on holdings: the recorded members at the destination because of an activation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput
from app.contract.fields import KeyType, MemberKey, ProfileId
from app.core.described import about


class HoldingOutput(Output):
    """A key at the destination."""

    key_type: KeyType
    key: MemberKey
    arm: Annotated[
        str | None, about("Name of the arm of the split. Null without a split.", None, "B")
    ]
    list: Annotated[
        str | None, about("Place of the key at the partner: the list or attribute.", "XyZ12a")
    ]
    member_id: Annotated[
        str,
        about(
            "Id of the member: of the profile, or of the entity for a linked audience.", "u-1001"
        ),
    ]
    profile_id: ProfileId
    identity: Annotated[
        dict[str, Any],
        about("Identifiers that were sent with the key.", {"email": "ada@example.com"}),
    ]
    held: Annotated[
        str,
        about(
            "`yes`; `maybe` (an attempt had no definite result); `no` (refused); `removed` (mode remove); "
            "`left` (its exit waits, because another activation holds the key there).",
            "yes",
        ),
    ]
    assumed: Annotated[
        bool, about("Whether the key counts as held although this service has not sent it.", False)
    ]
    refused: Annotated[
        bool, about("Whether the partner refused the key with the values of now.", False)
    ]
    partner_id: Annotated[
        str | None,
        about(
            "Id of the profile at the partner, if the partner returned one.",
            "01HV6ZK9Y3T4N8Q2W5R7X1B6CD",
            None,
        ),
    ]
    sync_number: Annotated[
        int | None, about("Number of the sync that sent the key last. Null if none did.", 12)
    ]


class HoldingsData(Output):
    """A page of holdings. ``held`` and ``assumed`` count all holdings of the activation."""

    holdings: Annotated[list[HoldingOutput], about("The keys of this page.")]
    held: Annotated[int, about("Number of all held keys of the activation.", 1204)]
    assumed: Annotated[
        int, about("Number of held keys of the activation that this service has not sent.", 0)
    ]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]


class HoldingsCount(Output):
    """The number of held keys, and of the held keys that this service has not sent."""

    held: Annotated[int, about("Number of held keys.", 1204)]
    assumed: Annotated[int, about("Number of held keys that this service has not sent.", 1204)]


class HoldingsCountData(Output):
    """The number of held keys."""

    holdings: Annotated[HoldingsCount, about("The counts after the operation.")]


class SeedInput(StrictInput):
    """The source from which the holdings are read."""

    from_: Annotated[
        Literal["partner"], about("`partner`: the list is read at the partner.", "partner")
    ] = Field(alias="from")
