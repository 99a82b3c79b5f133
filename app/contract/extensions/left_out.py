"""Bodies of who a sync left out: its left-out members, and the arms of its split."""

from __future__ import annotations

from typing import Annotated, Any

from app.contract.extensions.base import Output, PaginationOutput
from app.contract.fields import ProfileId
from app.core.described import about


class LeftOutMemberOutput(Output):
    """A member that a sync left out. A member that was left out for two reasons is listed twice."""

    member_id: Annotated[
        str,
        about(
            "Id of the member: of the profile, or of the entity for a linked audience.", "u-1001"
        ),
    ]
    profile_id: ProfileId
    reason: Annotated[
        str, about("Why it was left out: a key of `leftOut` of the sync.", "phone_without_country")
    ]
    message: Annotated[
        str,
        about(
            "The reason in a sentence.",
            "No identifier is valid: there is no usable e-mail address or other identifier, and the phone number has no country.",
        ),
    ]
    arm: Annotated[
        str | None, about("Arm that the split gives it. Null without a split.", None, "B")
    ]
    values: Annotated[
        dict[str, Any],
        about(
            "What the member has in the fields that the activation uses as identifiers, as supplied; and its consent, if the "
            "activation requires one.",
            {"email": [], "phone": ["0170 1234567"]},
        ),
    ]
    key: Annotated[
        str | None,
        about(
            "With `shared_key`, the key that another member has; with `refused_before`, the key that was refused. Else null.",
            None,
            "ada@example.com",
        ),
    ]
    key_type: Annotated[
        str | None, about("The identifier of `key`, or null without a key.", None, "email")
    ]
    kept_by: Annotated[
        str | None,
        about("With `shared_key`, the id of the member that is sent with it. Else null.", None),
    ]


class LeftOutData(Output):
    """A page of the members that a sync left out."""

    members: Annotated[list[LeftOutMemberOutput], about("The left-out members of this page.")]
    counts: Annotated[
        dict[str, int],
        about("`leftOut` of the sync: all that it left out, by reason.", {"no_identifier": 20}),
    ]
    unlisted: Annotated[
        list[str],
        about(
            "Reasons of `counts` whose members cannot be named: those that depend on other activations at that time, and "
            "all of them when the memberships that the sync was planned from are no longer kept.",
            [],
        ),
    ]
    pagination: Annotated[PaginationOutput, about("The cursors of this page and of the next one.")]


class SplitArmOutput(Output):
    """An arm of the split of a sync, with its members."""

    name: Annotated[str, about("Name of the arm.", "A")]
    share: Annotated[
        float | None,
        about(
            "Wanted part of the members, in percent; `members` is near to it, not exactly. Null: the split does not have the arm any more.",
            50.0,
        ),
    ]
    sent: Annotated[
        bool, about("Whether its members are sent: not those of a holdout group.", True)
    ]
    members: Annotated[int, about("Number of members of the audience in this arm.", 612)]
    planned: Annotated[int, about("Number of entries and updates of the plan in this arm.", 598)]
    exited: Annotated[int, about("Number of exits of the plan in this arm.", 0)]
    left_out: Annotated[
        dict[str, int], about("Number of its left-out members, by reason.", {"no_identifier": 14})
    ]
    delivered: Annotated[
        int | None,
        about(
            "Number of its changes that the destination has accepted. Null: arms share a place, or the batches are no longer kept.",
            None,
            597,
        ),
    ]
    list_id: Annotated[
        str | None,
        about(
            "Id of the list at the destination that its members are written to. Null: there is none yet, or the destination "
            "has no lists.",
            None,
            "Y6nRLr",
        ),
    ]
    list_name: Annotated[
        str | None,
        about(
            "Name with which the service creates a list for the arm: that of the activation, with the arm in brackets. A list "
            "that exists keeps the name that it has. Null: the settings name the list, or the destination has no lists.",
            None,
            "Spring (A)",
        ),
    ]


class SplitArmsData(Output):
    """The arms of the split of a sync."""

    arms: Annotated[
        list[SplitArmOutput] | None,
        about(
            "The arms in the order of the split, empty without a split. Null: the sync is not planned yet, or what it was "
            "planned from is no longer kept."
        ),
    ]
