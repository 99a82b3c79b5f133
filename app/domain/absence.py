"""Why a value of an identifier is none: the reasons that runs count."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Absence(StrEnum):
    """A reason: a key of ``absent`` on the wire."""

    WORD = "word"  # a word for "no value"
    SHARED_WORD = "shared_word"  # -, nan or none in the ids of two rows
    DISPLAY_NAME = "display_name"  # an e-mail address with the name of its owner
    ADDRESS_LIST = "address_list"  # several e-mail addresses
    NOT_AN_ADDRESS = "not_an_address"  # no e-mail address for another reason
    NOT_A_NUMBER = "not_a_number"  # no phone number, not even a national one
    NOT_A_TEXT = "not_a_text"  # in NDJSON: a number, a truth value or an object


_SENTENCES = {
    Absence.DISPLAY_NAME: (
        'e-mail addresses with a display name, such as "Ann" <ann@example.com>. Give the address alone.'
    ),
    Absence.ADDRESS_LIST: (
        "lists of e-mail addresses, such as ann@example.com; bo@example.com. Give one address, or a JSON array of texts."
    ),
    Absence.NOT_AN_ADDRESS: "no e-mail addresses, such as ann@ or ann@localhost. Such a member is sent by another identifier, or left out.",
    Absence.NOT_A_NUMBER: 'no phone numbers, such as "call me". Such a member is sent by another identifier, or left out.',
    Absence.NOT_A_TEXT: (
        "numbers, truth values or objects, which are no identifiers here. Write them as texts. Integers are ids in a column "
        "that has exactly the name of an identifier, such as user_id."
    ),
}


def absence_notes(absent: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return a sentence for each column with values that a person can correct, from counts by column and reason."""
    return [
        f"{column}: {count:,} are {_SENTENCES[Absence(reason)]}"
        for column, reasons in absent.items()
        for reason, count in reasons.items()
        if Absence(reason) in _SENTENCES
    ]
