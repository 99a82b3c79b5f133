"""Texts such as ``'today'`` in a statement: PostgreSQL reads them as the clock where they become dates or times.

What is visible in the text is found by its words. Whether ``day = 'today'`` compares dates, only the server knows: it
reports the types of parameters in the places of such texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.domain.clock_words import has_clock_word, is_clock_word

_TYPES = frozenset(["date", "time", "timetz", "timestamp", "timestamptz", "abstime"])
_RANGES = frozenset(["daterange", "tsrange", "tstzrange"])
_TIMES = _TYPES | _RANGES | {"datemultirange", "tsmultirange", "tstzmultirange"}
_ORDERS = frozenset(["<", ">", "<=", ">="])
_AFTER_TYPE = frozenset([")", "(", "[", "with", "without"])
_OPERATOR = frozenset("+-*/<>=~!@#%^&|`?")
_QUOTED = re.compile(r"(?:[a-z]&?)?'(.*)'|\$[^$]*\$(.*)\$[^$]*\$", re.DOTALL | re.IGNORECASE)


def content(text: str) -> str:
    """Return what is within the quotes of a literal: ``'x'``, ``E'x'``, ``$$x$$``."""
    found = _QUOTED.fullmatch(text)
    return (found.group(1) or found.group(2) or "") if found else text


def is_time_type(name: str) -> bool:
    """Report whether a type of the server has dates or times: ``date``, ``timestamptz[]``, ``daterange``."""
    return name.strip('"').removesuffix("[]") in _TIMES


def reads_clock(words: Sequence[str], place: int) -> bool:
    """Report whether a literal is visibly the clock.

    It has a type before (``date 'today'``) or after it (``'now'::timestamp``, ``CAST('now' AS date)``), or is compared
    by its order (``day > 'today'``). ``words`` are the tokens of the statement in lower case.
    """
    text = content(words[place])
    if not has_clock_word(text):
        return False
    if _typed_before(words, place) or _typed_after(words, place + 1):
        return True
    sides = {_operator(words, place - 1, -1), _operator(words, place + 1, 1)}
    return is_clock_word(text) and bool(sides & _ORDERS or words[place - 1 : place] == ["between"])


def _typed_before(words: Sequence[str], place: int) -> bool:
    """Report whether a type is before a literal: ``date 'x'``, ``time(3) 'x'``, ``… time zone 'x'``, ``date('x')``."""
    before = list(words[max(place - 4, 0) : place])
    if before[-1:] == [")"] and before[1:2] == ["("]:
        before = before[:1]
    elif before[-1:] == ["("]:
        before.pop()
    return bool(before) and (is_time_type(before[-1]) or before[-1] == "zone")


def _typed_after(words: Sequence[str], place: int) -> bool:
    """Report whether one of the casts after a literal is to a type of times: ``('x')::text::date``."""
    while place < len(words):
        if words[place] in {")", "]"}:
            place += 1
            continue
        if words[place] not in {"::", "as"}:
            return False
        is_alias = words[place] == "as"  # unless the type of a CAST follows
        place += 3 if words[place + 2 : place + 3] == ["."] else 1
        if is_time_type("".join(words[place : place + 1])):
            return not is_alias or "".join(words[place + 1 : place + 2]) in _AFTER_TYPE
        place += 1
    return False


def _operator(words: Sequence[str], place: int, step: int) -> str:
    """Return the operator that ends (``step`` -1) or begins (1) at a token."""
    found = ""
    while 0 <= place < len(words) and words[place] in _OPERATOR:
        found = words[place] + found if step < 0 else found + words[place]
        place += step
    return found
