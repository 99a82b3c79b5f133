"""Why a value that a member has for an identifier is not sent."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class UnsentReason(StrEnum):
    """The reason: ``reason`` of an entry of ``notSent`` on the wire."""

    PHONE_WITHOUT_COUNTRY = "phone_without_country"
    NOT_AN_ADDRESS = "not_an_address"
    NOT_A_NUMBER = "not_a_number"
    NOT_AN_ID = "not_an_id"


#: The reason in words, as they follow the value.
UNSENT_WORDS: Mapping[UnsentReason, str] = {
    UnsentReason.PHONE_WITHOUT_COUNTRY: "phone number without country: choose a country",
    UnsentReason.NOT_AN_ADDRESS: "no valid e-mail address",
    UnsentReason.NOT_A_NUMBER: "no valid phone number",
    UnsentReason.NOT_AN_ID: "no valid id",
}
#: The reason for a value that a normaliser does not accept.
UNSENT_BY_NORMALISER: Mapping[str, UnsentReason] = {
    "email": UnsentReason.NOT_AN_ADDRESS,
    "phone": UnsentReason.NOT_A_NUMBER,
    "text": UnsentReason.NOT_AN_ID,
}
