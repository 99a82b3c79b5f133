"""Refused keys: ids and identifiers that are left out, known by their HMACs only."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from app.domain.normalise import folded_sql
from app.domain.text_forms import folded

#: A telephone number, however it is written: its digits count.
NUMBER = r"\+?[0-9][0-9 ()/.-]{5,}[0-9]"
_BLOCK = 64  # bytes of a block of SHA-256


@dataclass(frozen=True, slots=True)
class RefusedKeys:
    """The HMAC-SHA256 of each refused key, and the key of the HMAC, at most 64 bytes long."""

    key: bytes
    digests: frozenset[bytes]

    def refuses(self, text: str) -> bool:
        """Return whether an id or identifier is refused."""
        return refusal_digest(self.key, text) in self.digests


def refusal_form(text: str) -> str:
    """Return the form of an id or identifier that is compared: in lower case, of a telephone number its digits."""
    plain = folded(text)
    return re.sub(r"[^0-9]", "", plain).lstrip("0") if re.fullmatch(NUMBER, plain) else plain


def refusal_digest(key: bytes, text: str) -> bytes:
    """Return the HMAC-SHA256 of an id or identifier."""
    return hmac.new(key, refusal_form(text).encode(), hashlib.sha256).digest()


def refused_sql(expression: str, refused: RefusedKeys) -> str:
    """Return SQL of the engine for :meth:`RefusedKeys.refuses` of a text."""
    plain = folded_sql(expression)
    digits = f"ltrim(regexp_replace({plain}, '[^0-9]', '', 'g'), '0')"
    form = f"CASE WHEN regexp_full_match({plain}, {_quoted(NUMBER)}) THEN {digits} ELSE {plain} END"
    padded = refused.key.ljust(_BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in padded).hex() for pad in (0x36, 0x5C))
    first = f"unhex(sha256(unhex('{inner}') || encode({form})))"
    digests = ", ".join(f"'{digest.hex()}'" for digest in sorted(refused.digests))
    return f"coalesce(sha256(unhex('{outer}') || {first}) IN ({digests}), false)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
