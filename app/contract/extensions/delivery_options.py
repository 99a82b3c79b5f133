"""Bodies of operations on delivery options.

The schemas of an update describe its options one by one. Their values are not validated here: ``app.domain.options`` does
it, and reports every fault of a request at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, WithJsonSchema

from app.contract.extensions.base import Output, StrictInput
from app.contract.extensions.checks import WarningOutput
from app.contract.extensions.frequencies import Frequency
from app.contract.fields import AudienceId
from app.core.described import SchemaOf, about
from app.domain.notices import NoticeEvent

#: A number that stays a whole number if it was sent as one.
_Percent = Annotated[int | float, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100})]
_Weight = Annotated[
    int | float, WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000})
]
_Count = Annotated[int, Field(ge=1, le=10**12)]
_Text = Annotated[str, Field(min_length=1, max_length=255, json_schema_extra={"pattern": r"\S"})]

_ENABLED = about("Whether the brake holds plans that remove too many.", True)
_PERCENT = about(
    "Largest part of the held members that a plan may remove, in percent from 0 to 100. By default 30.",
    30,
)
_REMOVALS = about(
    "Number of removals from which the percentage counts, at least 1. By default 10: a plan that removes 9 members passes.",
    10,
)
_EMPTY = about(
    "Number of held members, at least 1, from which a plan that removes all of them is held. By default 2.",
    2,
)


class Brake(Output):
    """The limits of the brake. A plan that removes more waits for an approval."""

    enabled: Annotated[bool, _ENABLED]
    max_removal_percent: Annotated[_Percent, _PERCENT]
    min_removals: Annotated[_Count, _REMOVALS]
    hold_empty_from: Annotated[_Count, _EMPTY]


class BrakeChanges(StrictInput):
    """New limits of the brake. A limit that is missing stays as it is."""

    enabled: Annotated[bool | None, _ENABLED] = None
    max_removal_percent: Annotated[_Percent | None, _PERCENT] = None
    min_removals: Annotated[_Count | None, _REMOVALS] = None
    hold_empty_from: Annotated[_Count | None, _EMPTY] = None


class Notifications(Output):
    """Who is told about syncs. An empty object: nobody."""

    emails: Annotated[
        list[_Text] | None,
        about("Mail addresses. The service needs a mail server for them.", ["ada@example.com"]),
    ] = None
    destination_id: Annotated[
        str | None,
        about(
            "Id of a webhook account of the space that receives the notices.",
            "66be7aeca665bd11f8908630",
        ),
    ] = None
    on: Annotated[
        list[NoticeEvent] | None,
        about(
            "Events that are told: a sync is complete (`finished`), failed, or on hold; the activation is paused by an "
            "`error`. By default all.",
            ["failed", "held", "error"],
        ),
    ] = None


class ListChoice(Output):
    """A list that exists at the partner."""

    id: Annotated[_Text, about("Id of the list at the partner.", "XyZ12a")]


class SplitArm(Output):
    """An arm of a split: a part of the members."""

    name: Annotated[_Text, about("Name of the arm, unique in the split.", "B")]
    weight: Annotated[
        _Weight,
        about(
            "Wanted share of the arm, relative to the sum of all weights: above 0, up to 1000000. A hash of the profile's id decides "
            "the arm of each member, so that the arm gets about this share, not exactly.",
            50,
        ),
    ]
    sent: Annotated[
        bool,
        about("False: nothing is sent for its members (a control group). By default true.", True),
    ] = True
    list: Annotated[
        ListChoice | None,
        about("List of the arm at the partner. By default the service creates one."),
    ] = None


class Split(Output):
    """The division of an audience into arms, for a test or a control group. A member stays in its arm."""

    arms: Annotated[
        list[SplitArm],
        Field(min_length=2, max_length=20),
        about(
            "The arms, 2 to 20, with different names. At least one is sent.",
            [{"name": "A", "weight": 90}, {"name": "control", "weight": 10, "sent": False}],
        ),
    ]
    property: Annotated[
        _Text | None,
        about("Property in which the name of the arm is sent. By default none.", "test_group"),
    ] = None


_MODE = about(
    "`maintain`: add who enters, remove who exits. `append`: remove nobody. `remove`: remove the members, add nobody.",
    "maintain",
)
_UPDATES = about("Whether a member that stays is sent again when a sent trait changes.", False)
_CONSENT = about(
    "Name of a trait that must be true; others are not sent. Null: no such condition.",
    "newsletter_consent",
)
_AUDIENCES = about(
    "Ids of audiences that are sent in addition to the activation's audience, at most 20.",
    ["aud_0vK3mZ1SoE9wP7yJ2bLrUc"],
)
_Audiences = Annotated[list[_Text], Field(max_length=20)]


class DeliveryOptionsPatch(StrictInput):
    """Changes to delivery options. The brake is merged; other options are replaced."""

    nullable: ClassVar[frozenset[str]] = frozenset(
        {"split", "list", "consent", "includedAttribute"}
    )

    frequency: Annotated[Any, SchemaOf(Frequency | None), about("When syncs start.")] = None
    brake: Annotated[
        Any,
        SchemaOf(BrakeChanges | None),
        about("New limits of the brake; those that are missing stay."),
    ] = None
    notifications: Annotated[
        Any, SchemaOf(Notifications | None), about("Who is told about syncs. `{}`: nobody.")
    ] = None
    mode: Annotated[Any, SchemaOf(Literal["maintain", "append", "remove"] | None), _MODE] = None
    split: Annotated[Any, SchemaOf(Split | None), about("The arms of a split. Null: no split.")] = (
        None
    )
    updates: Annotated[bool | None, _UPDATES] = None
    list: Annotated[
        Any,
        SchemaOf(ListChoice | None),
        about("An existing list at the partner. Null: the service creates a list."),
    ] = None
    consent: Annotated[Any, SchemaOf(_Text | None), _CONSENT] = None
    audiences: Annotated[Any, SchemaOf(_Audiences | None), _AUDIENCES] = None
    included_attribute: Annotated[
        Any,
        SchemaOf(bool | _Text | None),
        about(
            "Attribute that contains the activation's name while a member is held. True: `Included in Audience`. False or null: "
            "none.",
            "Included in Audience",
            True,
        ),
    ] = None


class DeliveryOptionsOutput(Output):
    """All delivery options of an activation, including defaults."""

    frequency: Annotated[Frequency, about("When syncs start.")]
    brake: Annotated[Brake, about("The limits of the brake.")]
    notifications: Annotated[Notifications, about("Who is told about syncs.")]
    mode: Annotated[str, _MODE]
    split: Annotated[Split | None, about("The arms of a split. Null: no split.")]
    updates: Annotated[bool, _UPDATES]
    list: Annotated[
        ListChoice | None, about("The list at the partner. Null: the service creates a list.")
    ]
    consent: Annotated[str | None, _CONSENT]
    audiences: Annotated[Sequence[AudienceId], _AUDIENCES]
    included_attribute: Annotated[
        str | None,
        about("Attribute that contains the activation's name. Null: none.", "Included in Audience"),
    ]
    revision: Annotated[int, about("Number of the revision that has these options.", 3)]


class DeliveryOptionsData(Output):
    """The delivery options of an activation, and the warnings about the activation (see `checks`)."""

    delivery_options: Annotated[DeliveryOptionsOutput, about("The delivery options.")]
    warnings: Annotated[
        list[WarningOutput],
        about(
            "Warnings about the activation as it is saved now. Only responses to changes have them."
        ),
    ] = []
