"""Which e-mail addresses and phone numbers are plain: certainly valid, by their bytes alone.

Nearly all values of a membership are plain, and the patterns that decide about every value cost several times more than
these tests. A value that is not plain may still be valid.
"""

from __future__ import annotations

import string
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.domain.email_addresses import PLAIN_BYTES
from app.domain.phone_numbers import plain_forms, prefix_pattern, prefixed_beginnings

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_AT, _DOT, _PLUS, _ZERO = b"@.+0"
_ENDINGS = (2, 3, 4)  # letters of a top level domain
_LONGEST_NUMBER = 16  # characters, with the plus sign
_CODE = 4  # digits that decide about a calling code and the digit after it


def not_plain(values: pa.StringArray, name: str) -> pa.StringArray:
    """Return the values that are not plain identifiers of a kind of ``PLAIN_KINDS``, in their order, without NULL."""
    values = values.drop_null()
    return values.filter(pa.array(~PLAIN_KINDS[name](values)))


def plain_emails(values: pa.StringArray) -> Flags:
    """Report for each value whether it is a plain address: letters, digits and signs, one @, a domain in simple form."""
    content, first, end = _bytes_of(values)
    if not len(content):
        return np.zeros(len(first), bool)
    kinds = np.frombuffer(content.tobytes().translate(_email_kinds()), np.uint8)
    plain = (end - first >= len("a@b.cd")) & (end - first <= PLAIN_BYTES)
    at = np.full(len(first), -1, np.int64)
    places = np.flatnonzero(content == _AT)
    owners = _owners(places, end)
    at[owners] = places
    plain &= np.bincount(owners, minlength=len(first)) == 1
    plain &= at > first
    separators = kinds == _SEPARATOR
    wrong = np.flatnonzero(separators[1:] & separators[:-1]) + 1
    plain[_owners(wrong, end)] = False
    plain[_owners(np.flatnonzero(kinds == _OTHER), end)] = False
    signs = np.flatnonzero(kinds == _SIGN)
    owners = _owners(signs, end)
    plain[owners[signs > at[owners]]] = False
    plain &= _ends_with_letters(content, kinds, at, end)
    return plain


def plain_phones(values: pa.StringArray) -> Flags:
    """Report for each value whether it is a plus sign and digits, with a calling code and a length that fits it."""
    content, first, end = _bytes_of(values)
    size = end - first
    if not len(content):
        return np.zeros(len(first), bool)
    plain = (size > _CODE) & (size <= _LONGEST_NUMBER)
    usable = np.where(plain, first, 0)
    plain &= content[usable] == _PLUS
    digits = content - np.uint8(_ZERO)
    others = np.flatnonzero(digits > 9)
    owners = _owners(others, end)
    plain[owners[others != first[owners]]] = False
    code = np.zeros(len(first), np.int64)
    for place in range(1, _CODE + 1):
        code = code * 10 + digits[np.minimum(usable + place, len(content) - 1)]
    code[~plain] = 0
    fits = _phone_forms()[code, np.where(plain, size, 0)]
    plain &= fits != _UNUSED
    asked = np.flatnonzero(plain & (fits == _PREFIXED))
    if len(asked):
        prefixed = pc.match_substring_regex(values.take(pa.array(asked)), "^" + prefix_pattern())
        plain[asked[prefixed.to_numpy(zero_copy_only=False)]] = False
    return plain


_LETTER, _DIGIT, _SEPARATOR, _SIGN, _OTHER = range(5)
_UNUSED, _FITS, _PREFIXED = range(3)


def _bytes_of(values: pa.StringArray) -> tuple[Bytes, Places, Places]:
    """Return all bytes of the texts, and the places of each text's first byte and of the byte after its last."""
    _, offsets, data = values.buffers()
    places = np.frombuffer(offsets, np.int32).astype(np.int64)
    places = places[values.offset : values.offset + len(values) + 1]
    content = (
        np.frombuffer(data, np.uint8)[places[0] : places[-1]] if data else np.zeros(0, np.uint8)
    )
    places -= places[0]
    return content, places[:-1], places[1:]


def _owners(places: Places, end: Places) -> Places:
    """Return the numbers of the texts that bytes belong to. Fast if each text has one of the bytes."""
    if (
        len(places) == len(end)
        and bool(np.all(places < end))
        and bool(np.all(places[1:] >= end[:-1]))
    ):
        return np.arange(len(end))
    return np.searchsorted(end, places, side="right")


@cache
def _email_kinds() -> bytes:
    kinds = np.full(256, _OTHER, np.uint8)
    for kind, characters in (
        (_LETTER, string.ascii_letters),
        (_DIGIT, string.digits),
        (_SEPARATOR, ".-@"),
        (_SIGN, "!#$%&'*+/=?^_`{|}~"),
    ):
        kinds[list(characters.encode())] = kind
    return kinds.tobytes()


def _ends_with_letters(content: Bytes, kinds: Bytes, at: Places, end: Places) -> Flags:
    """Report for each text whether it ends with a dot after the @, and two to four letters."""
    found = np.zeros(len(end), bool)
    letters = np.ones(len(end), bool)
    for count in range(1, max(_ENDINGS) + 1):
        letters &= kinds[np.maximum(end - count, 0)] == _LETTER
        dot = np.maximum(end - count - 1, 0)
        if count in _ENDINGS:
            found |= letters & (content[dot] == _DOT) & (dot > at)
    return found


@cache
def _phone_forms() -> npt.NDArray[np.uint8]:
    """Return what the first four digits and the size of a number say: ``[digits, characters]``."""
    forms = np.zeros((10**_CODE, _LONGEST_NUMBER + 1), np.uint8)
    prefixed = {beginning[1:] for beginning in prefixed_beginnings()}
    for code, lengths, excluded in plain_forms():
        for digits in range(10 ** (_CODE - len(code))):
            rest = f"{digits:0{_CODE - len(code)}}"
            if rest[0] != excluded:
                for length in lengths:
                    forms[int(code + rest), 1 + len(code) + length] = (
                        _PREFIXED if code in prefixed else _FITS
                    )
    return forms


PLAIN_KINDS = {"email": plain_emails, "phone": plain_phones}
