"""Canonical JSON."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import orjson

from app.core.exact_numbers import ExactNumber, exact_integer, json_default

_LONG = re.compile(r"[0-9.]{16}|[0-9][eE][+-]?[0-9]{3}")


def canonical_json(value: str) -> str:
    """Rewrite JSON text with sorted keys and without blanks; numbers keep every digit. The engine calls it from SQL."""
    if _LONG.search(value):
        parsed = json.loads(value, parse_float=_number, parse_int=exact_integer)
    else:
        parsed = orjson.loads(value)
    return orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS, default=json_default).decode()


def _number(text: str) -> float:
    """Read a number with a fraction or an exponent: a float, unless the float is another number."""
    number = float(text)
    return number if Decimal(text) == Decimal(repr(number)) else ExactNumber(text)
