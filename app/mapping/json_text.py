"""JSON text, as the directive `@json` writes and reads it."""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from typing import Any, Final, NoReturn

from app.core.exact_numbers import exact_decimal, exact_integer
from app.mapping.text import number_text, paired
from app.mapping.values import ABSENT

_ARRAY_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_LARGEST_ARRAY_INDEX: Final = 2**32 - 2
_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")


def encode(value: Any) -> str:
    """Encode a value without spaces. Absent members are omitted, absent array items become null."""
    if isinstance(value, str):
        return _string(value)
    if value is None or value is ABSENT:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        text = number_text(value)
        return text if text[-1].isdigit() else "null"
    if isinstance(value, list):
        return f"[{','.join([encode(item) for item in value])}]"
    members = sorted(value.items(), key=_member_order)
    return f"{{{','.join([f'{_string(k)}:{encode(v)}' for k, v in members if v is not ABSENT])}}}"


def _member_order(member: tuple[str, Any]) -> tuple[bool, int]:
    """Sort keys that are array indexes first, by number. The others keep their order."""
    key = member[0]
    if _ARRAY_INDEX.fullmatch(key) and int(key) <= _LARGEST_ARRAY_INDEX:
        return False, int(key)
    return True, 0


def _string(text: str) -> str:
    quoted = encode_basestring(text)
    if quoted.isascii():
        return quoted
    return _HALF_PAIR.sub(lambda half: f"\\u{ord(half.group()):04x}", paired(quoted))


def decode(text: str) -> Any:
    """Parse strict JSON. Raises `ValueError` for anything else, including `NaN` and `Infinity`."""
    return _DECODER.decode(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


_DECODER: Final = json.JSONDecoder(
    parse_constant=_refuse, parse_int=exact_integer, parse_float=exact_decimal
)
