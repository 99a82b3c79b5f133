"""Text and JSON as PostgreSQL can store them: it refuses NUL characters, and halves of surrogate pairs are no UTF-8.

Clients' JSON with such text is refused (``app.core.sent_json``). Computed values and words of partners are stored with U+FFFD.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

_REPLACEMENT = "\ufffd"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable_text(text: str) -> str:
    """Return a text with U+FFFD in place of NUL characters and halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\0", _REPLACEMENT)
    return _UNSTORABLE.sub(_REPLACEMENT, text)


def storable_json(value: Any) -> str:
    """Encode a value as JSON that fits a JSONB column. Infinite numbers and NaN become null.

    Raises TypeError for a value that JSON does not have.
    """
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # halves of surrogate pairs, integers beyond 64 bits
        return json.dumps(_storable(value))
    return json.dumps(_storable(value)) if "\\u0000" in text else text


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
