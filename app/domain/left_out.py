"""The reasons why a plan leaves out a member."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class LeftOut(StrEnum):
    """Why a plan leaves out a member: the keys of ``sync.left_out`` and of the field ``leftOut`` on the wire."""

    NO_CONSENT = "no_consent"  # the consent trait of the delivery options is not true
    CONTROL = "control"  # the member is in an arm of the split that is not sent
    NO_IDENTIFIER = "no_identifier"  # no mapped identifier has a value
    PHONE_WITHOUT_COUNTRY = (
        "phone_without_country"  # a national number without a country; no other identifier is valid
    )
    SHARED_KEY = "shared_key"  # another member has the same destination key
    REFUSED_BEFORE = "refused_before"  # the destination refused exactly these inputs before
    LIST_NOT_CREATED = "list_not_created"  # an exit: its list does not exist at the destination yet
    HELD_BY_ANOTHER = (
        "held_by_another"  # an exit: another activation holds the key at the same place
    )
    LEAVING_BY_ANOTHER = (
        "leaving_by_another"  # an entry: another activation's exit of the key is not over yet
    )


#: Reasons that leave out exits. All others leave out members who are in the audience now.
OF_EXITS = frozenset({LeftOut.LIST_NOT_CREATED, LeftOut.HELD_BY_ANOTHER})


def members_left_out(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts by reason of those who are in the audience now."""
    return {reason: count for reason, count in counts.items() if reason not in OF_EXITS}


#: Why one member, or its key, is left out, in a sentence.
SENTENCES: Mapping[LeftOut, str] = {
    LeftOut.NO_IDENTIFIER: "It has no valid value of an identifier that the activation uses.",
    LeftOut.PHONE_WITHOUT_COUNTRY: "No identifier is valid: there is no usable e-mail address or other identifier, and the phone number has no country.",
    LeftOut.NO_CONSENT: "It has not given the consent that the activation requires.",
    LeftOut.CONTROL: "It is in an arm of the split that is not sent.",
    LeftOut.SHARED_KEY: "Another member has the same identifier.",
    LeftOut.REFUSED_BEFORE: "The destination refused these values before.",
    LeftOut.LIST_NOT_CREATED: "The list does not exist at the destination yet.",
    LeftOut.HELD_BY_ANOTHER: "Another activation holds it at the same place.",
    LeftOut.LEAVING_BY_ANOTHER: "Another activation is removing it at the same place.",
}
