"""Phone numbers: checked and brought into E.164, by ``phonenumbers``.

A number that begins with ``+`` must be possible. Any other number is national: it must be valid in a named region.
Letters and extensions are refused. Reason: letters after a number would count as digits of a keypad, and a number with
an extension belongs to many people.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, ValidationResult

from app.domain.text_forms import BLANKS, visible

#: Characters that are written between digits.
FILLING = BLANKS + "-./()[]\u2010\u2011\u2012\u2013\u2014\u2015\u2212"

#: A text of digits without ``+``: a region decides what it means.
NATIONAL = r"[ ./()\[\]-]*(?:[0-9][ ./()\[\]-]*){3,20}"

_NO_FILLING = str.maketrans("", "", FILLING)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_DIGITS = re.compile(r"\+?[0-9]{3,20}")


@lru_cache(maxsize=100_000)
def valid_phone(value: str, region: str | None = None) -> str | None:
    """Return the number as E.164, or None. ``region`` (ISO 3166-1, two capital letters) is for numbers without ``+``."""
    digits = _digits(value)
    if _DIGITS.fullmatch(digits) is None or (digits[0] != "+" and region is None):
        return None
    number = _parsed(digits, region)
    if number is None or (digits[0] != "+" and _is_ambiguous(digits, number)):
        return None
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if _E164.fullmatch(written) is None:
        return None
    # A number whose written form is another number would change at each reading.
    return written if _parsed(written, None) == number else None


def _is_ambiguous(digits: str, number: phonenumbers.PhoneNumber) -> bool:
    """Report whether digits without ``+`` are also another valid number, with the country's code written first.

    Example: 491701234567 in Germany is a mobile number, or a number in the town of the area code 0491. In a country whose
    national numbers begin with a prefix, a possible number is enough.
    """
    if not digits.startswith(str(number.country_code)):
        return False
    other = _parsed("+" + digits, None)
    if other is None or other == number:
        return False
    return phonenumbers.is_valid_number(other) or _has_trunk_prefix(number)


def _has_trunk_prefix(number: phonenumbers.PhoneNumber) -> bool:
    """Report whether national numbers of the country are written with a prefix, which digits with its code do not have."""
    region = phonenumbers.region_code_for_number(number)
    metadata = PhoneMetadata.metadata_for_region(region) if region else None
    return metadata is not None and metadata.national_prefix is not None


def _digits(value: str) -> str:
    text = visible(value).translate(_NO_FILLING)
    return text if text.isascii() else "".join(map(_ascii_digit, text))


def _ascii_digit(character: str) -> str:
    return str(unicodedata.decimal(character, character))


def _parsed(digits: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(digits, None if digits[0] == "+" else region)
    except phonenumbers.NumberParseException:
        return None
    number = phonenumbers.PhoneNumber(
        country_code=number.country_code,
        national_number=number.national_number,
        italian_leading_zero=number.italian_leading_zero,
        number_of_leading_zeros=number.number_of_leading_zeros,
    )
    if digits[0] == "+":
        reason = phonenumbers.is_possible_number_with_reason(number)
        return number if reason == ValidationResult.IS_POSSIBLE else None
    return number if phonenumbers.is_valid_number(number) else None


def is_region(text: str) -> bool:
    """Report whether the text is a country that :func:`valid_phone` knows: ISO 3166-1, two capital letters."""
    return text in phonenumbers.SUPPORTED_REGIONS


@cache
def plain_forms() -> tuple[tuple[str, tuple[int, ...], str], ...]:
    """Return the forms of plain numbers, from the library's metadata: ``(calling code, lengths, excluded digit)``.

    The lengths are those of the digits after the calling code. The first of them is not the excluded digit, which may be
    empty. :func:`valid_phone` returns such a number in E.164 unchanged, unless :func:`prefix_pattern` matches it.
    """
    forms = []
    for code, metadata in _countries():
        prefix = metadata.national_prefix_for_parsing
        if prefix is not None and re.match(prefix, "") is not None:
            continue
        described = metadata.general_desc
        lengths = described.possible_length if described is not None else ()
        fits = tuple(length for length in lengths if 7 <= length + len(code) <= 15 and length > 1)
        if fits:
            forms.append((code, fits, prefix if prefix is not None and len(prefix) == 1 else ""))
    return tuple(forms)


@cache
def plain_pattern() -> str:
    """Return the pattern of the numbers of :func:`plain_forms`."""
    by_form: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for code, fits, excluded in plain_forms():
        by_form[(excluded, fits)].append(code)
    forms = []
    for (excluded, lengths), codes in sorted(by_form.items()):
        first = f"[{''.join(digit for digit in '0123456789' if digit != excluded)}]"
        rest = "|".join(f"[0-9]{{{length - 1}}}" for length in lengths)
        forms.append(f"(?:{'|'.join(codes)}){first}(?:{rest})")
    return rf"\+(?:{'|'.join(forms)})"


@cache
def prefix_pattern() -> str:
    """Return a pattern of the beginnings of E.164 numbers that have a national prefix which is not a single digit."""
    forms = [f"{code}(?:{prefix})" for code, prefix in _long_prefixes().items()]
    return rf"\+(?:{'|'.join(forms)})"


def prefixed_beginnings() -> list[str]:
    """Return the beginnings of all numbers that :func:`prefix_pattern` can match, such as ``+44``."""
    return [f"+{code}" for code in _long_prefixes()]


@cache
def _long_prefixes() -> dict[str, str]:
    """Return the national prefixes that are not a single digit, by calling code."""
    return {
        code: prefix
        for code, metadata in _countries()
        if (prefix := metadata.national_prefix_for_parsing) is not None and len(prefix) > 1
    }


def _countries() -> list[tuple[str, PhoneMetadata]]:
    """List the calling codes with the metadata by which the library parses them."""
    found = []
    for code, regions in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()):
        metadata = (
            PhoneMetadata.metadata_for_nongeo_region(code)
            if regions[0] == "001"
            else PhoneMetadata.metadata_for_region(regions[0])
        )
        if metadata is not None:
            found.append((str(code), metadata))
    return found
