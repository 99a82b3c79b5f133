"""Normalisers of identifiers, in Python and as SQL of the engine. Tests compare the two.

- ``email``: trimmed, with ASCII letters in lower case.
- ``phone``: E.164, which is a plus sign and 7 to 15 digits, the first not 0. Blanks, dashes, dots, slashes and
  brackets are removed. Any other text has no value.
- ``text``: trimmed.

An empty result is no value.
"""

from __future__ import annotations

import re
import string
from typing import Literal

Normaliser = Literal["email", "phone", "text"]

BLANKS = " \t\n\r\x0b\x0c\u00a0\u200b\ufeff"
_PHONE_FILLING = BLANKS + "-./()[]"
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_NO_FILLING = str.maketrans("", "", _PHONE_FILLING)


def normalise(value: str | None, how: Normaliser) -> str | None:
    """Return the normalised value, or None if there is none."""
    if value is None:
        return None
    if how == "phone":
        digits = value.translate(_NO_FILLING)
        return digits if _PHONE.fullmatch(digits) else None
    text = value.strip(BLANKS)
    return (text.translate(_LOWER) if how == "email" else text) or None


def normalise_sql(expression: str, how: Normaliser) -> str:
    """Return SQL that normalises a text expression as :func:`normalise` does."""
    if how == "phone":
        digits = f"translate({expression}, {_quoted(_PHONE_FILLING)}, '')"
        return f"CASE WHEN regexp_full_match({digits}, '\\+[1-9][0-9]{{6,14}}') THEN {digits} END"
    # For ASCII text without blanks at its ends, the plain functions of the engine are equal and several times faster.
    plain = f"strlen({expression}) = length({expression})"
    plain += f" AND left({expression}, 1) > ' ' AND right({expression}, 1) > ' '"
    text = f"trim({expression}, {_quoted(BLANKS)})"
    if how == "email":
        lower = f"translate({text}, '{string.ascii_uppercase}', '{string.ascii_lowercase}')"
        return f"CASE WHEN {plain} THEN lower({expression}) ELSE nullif({lower}, '') END"
    return f"CASE WHEN {plain} THEN {expression} ELSE nullif({text}, '') END"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
