"""Normalisers of identifiers, in Python and as SQL of the engine: the result is valid, or there is none.

- ``email``: an address, as :func:`app.domain.email_addresses.valid_email` returns it.
- ``phone``: E.164, as :func:`app.domain.phone_numbers.valid_phone` returns it.
- ``text``: an id, trimmed. Words that mean "no value" have none.

SQL decides plain forms. Everything else is decided by the Python functions, which the engine knows under the names
``EMAIL_FUNCTION`` and ``PHONE_FUNCTION``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Literal

from app.domain.absent_words import ABSENT_WORDS, ONE_LETTER, is_absent, word_of
from app.domain.column_names import spellings
from app.domain.email_addresses import PLAIN, PLAIN_BYTES, valid_email
from app.domain.phone_numbers import (
    FILLING,
    plain_pattern,
    prefix_pattern,
    prefixed_beginnings,
    valid_phone,
)
from app.domain.text_forms import BLANKS, trimmed

Normaliser = Literal["email", "phone", "text"]

EMAIL_FUNCTION = "valid_email"
PHONE_FUNCTION = "valid_phone"

_BEGINNINGS = "".join(
    sorted({word[0] for word in ABSENT_WORDS} | {word[0].upper() for word in ABSENT_WORDS})
)
_LENGTHS = ", ".join(map(str, sorted({len(word) for word in ABSENT_WORDS})))
_ASCII_FILLING = "".join(character for character in FILLING if character.isascii())


def default_normaliser(identifier: str) -> Normaliser:
    """Return how an identifier is normalised for a destination that takes members with all their identifiers.

    Phone numbers stay as they are written: such a destination has no country for national ones.
    """
    return "email" if spellings("email", [identifier]) else "text"


def normalise(
    value: str | None, how: Normaliser, region: str | None = None, words: Collection[str] = ()
) -> str | None:
    """Return the normalised value, or None if there is none. ``region`` is that of national phone numbers.

    ``words`` are a space's own words for "no value", in lower case.
    """
    if value is None or (words and is_absent(trimmed(value), words)):
        return None
    match how:
        case "email":
            return valid_email(value)
        case "phone":
            return valid_phone(value, region)
        case "text":
            text = trimmed(value)
            return None if is_absent(text) else text


def normalise_sql(
    expression: str, how: Normaliser, region: str = "NULL", words: Collection[str] = ()
) -> str:
    """Return SQL that normalises a text expression as :func:`normalise` does. ``region`` is an expression, too."""
    usable = _plain_sql(expression, how, region)
    return f"CASE WHEN NOT {word_sql(expression, words)} THEN {usable} END" if words else usable


def word_sql(expression: str, words: Collection[str]) -> str:
    """Return the condition that a text, without blanks at its ends and in any case, is one of some words."""
    # A pattern, because the engine turns a long list after IN into a join, which costs far more.
    pattern = "|".join(map(re.escape, sorted(set(map(word_of, words)))))
    folded = folded_sql(expression)
    for letter, plain in ONE_LETTER.items():
        if plain in pattern:
            folded = f"replace({folded}, {_quoted(letter)}, {_quoted(plain)})"
    return f"regexp_full_match({folded}, {_quoted(pattern)})"


def folded_sql(expression: str) -> str:
    """Return the expression of a text without blanks at its ends, in lower case."""
    return f"lower({trimmed_sql(expression)})"


def trimmed_sql(expression: str) -> str:
    """Return the expression of a text without blanks at its ends."""
    return f"trim({expression}, {_quoted(BLANKS)})"


def _plain_sql(expression: str, how: Normaliser, region: str) -> str:
    match how:
        case "email":
            return _email_sql(expression)
        case "phone":
            return _phone_sql(expression, region)
        case "text":
            return _text_sql(expression)


def _email_sql(expression: str) -> str:
    plain = f"""strlen({expression}) <= {PLAIN_BYTES} AND NOT contains({expression}, '--')
        AND regexp_full_match({expression}, {_quoted(PLAIN)})"""
    return f"CASE WHEN {plain} THEN lower({expression}) ELSE {EMAIL_FUNCTION}({expression}) END"


def _phone_sql(expression: str, region: str) -> str:
    # Most numbers have no filling, and removing it costs ten times more than the pattern.
    digits = f"translate({expression}, {_quoted(_ASCII_FILLING)}, '')"
    return f"""CASE WHEN {_plain_phone(expression)} THEN {expression}
        WHEN left({expression}, 1) = '+' AND {_plain_phone(digits)} THEN {digits}
        ELSE {PHONE_FUNCTION}({expression}, {region}) END"""


def _plain_phone(expression: str) -> str:
    prefixed = f"""CASE WHEN {begins_sql(expression, prefixed_beginnings())}
        THEN regexp_matches({expression}, {_quoted("^" + prefix_pattern())}) ELSE false END"""
    return f"(regexp_full_match({expression}, {_quoted(plain_pattern())}) AND NOT {prefixed})"


def begins_sql(expression: str, beginnings: Iterable[str]) -> str:
    """Return the condition that a text has one of some ASCII beginnings. Comparisons cost a tenth of a pattern."""
    ranges = [(one, one[:-1] + chr(ord(one[-1]) + 1)) for one in beginnings]
    return "({})".format(
        " OR ".join(
            f"({expression} >= {_quoted(first)} AND {expression} < {_quoted(end)})"
            for first, end in ranges
        )
    )


def _text_sql(expression: str) -> str:
    # For ASCII text without blanks at its ends, the plain functions of the engine are equal and several times faster.
    plain = f"strlen({expression}) = length({expression})"
    plain += f" AND left({expression}, 1) > ' ' AND right({expression}, 1) > ' '"
    text = trimmed_sql(expression)
    # A pattern, because the engine turns a long list after IN into a join, which costs far more.
    absent = _quoted("|".join(map(re.escape, ("", *sorted(ABSENT_WORDS)))))
    # Naming the expression twice for each beginning would make the plan of a small query take longer than the query.
    may_be_word = f"contains({_quoted(_BEGINNINGS)}, left({expression}, 1)) AND strlen({expression}) IN ({_LENGTHS})"
    is_word = f"""CASE WHEN {may_be_word}
        THEN regexp_full_match(lower({expression}), {absent}) ELSE false END"""
    return f"""CASE WHEN {plain} THEN CASE WHEN NOT {is_word} THEN {expression} END
        WHEN NOT regexp_full_match(lower({text}), {absent}) THEN {text} END"""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
