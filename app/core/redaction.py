"""Redaction of log fields: secrets are masked, control characters escaped, long values cut."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from datetime import date, timedelta
from threading import Lock
from typing import Any
from urllib.parse import quote

from pydantic import SecretBytes, SecretStr

MASK = "***"
LONGEST_VALUE = 2048  # bytes of UTF-8
SHORTEST_SECRET = 6  # characters; shorter secrets would mask ordinary words
MOST_ITEMS = 50
DEEPEST = 5

# Endings of field names (in snake case) whose values are always masked.
_SECRET_FIELD = re.compile(
    r"(^|_)(authorization|proxy_authorization|cookie|set_cookie|password|passwd|passphrase|secret|secrets|token"
    r"|api_key|apikey|access_key|private_key|signing_key|secret_key|encryption_keys?|pepper|credentials?|dsn"
    r"|database_url|redis_url)$"
)
_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_API_TOKEN = re.compile(r"(aact_(?:live|test)_[A-Za-z0-9]{12})_[A-Za-z0-9_-]+")
_USERINFO = re.compile(r"(?<=://)[^/\s@?#]+@")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")

# C0, DEL, C1, line separators, and marks that change the direction of text.
_DANGEROUS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_DANGEROUS_BUT_LINES = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class SecretRegistry:
    """The secret values in use in this process. For log lines only: they belong to many tenants."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = Lock()

    def add(self, value: str) -> None:
        """Mask a value from now on, also in its percent-encoded form."""
        forms = {form for form in (value, quote(value, safe="")) if len(form) >= SHORTEST_SECRET}
        with self._lock:
            if not forms <= self._values:
                self._values |= forms
                self._pattern = None

    def mask(self, text: str) -> str:
        """Replace each registered value in the text by ``***``."""
        pattern = self._pattern or self._compiled()
        return pattern.sub(MASK, text) if pattern else text

    def _compiled(self) -> re.Pattern[str] | None:
        """Compile on first use, so that adding many values in a row costs one compilation."""
        with self._lock:
            if self._values and self._pattern is None:
                longest_first = sorted(self._values, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            return self._pattern


def is_secret_field(name: str) -> bool:
    """Return whether a field of this name holds a secret: ``signingSecret``, ``api_key``, but not ``token_id``."""
    return bool(_SECRET_FIELD.search(_CAMEL_HUMP.sub("_", name).replace("-", "_").lower()))


def mask_patterns(text: str) -> str:
    """Mask secrets that are recognised by their form: API tokens, bearer headers, passwords in URLs."""
    text = _API_TOKEN.sub(rf"\1_{MASK}", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    return _USERINFO.sub(f"{MASK}@", text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return {9: "\\t", 10: "\\n", 13: "\\r"}.get(code) or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    )


def escape(text: str, *, keep_lines: bool = False) -> str:
    """Replace control characters by visible escapes, so that a log line cannot control a terminal."""
    text = (_DANGEROUS_BUT_LINES if keep_lines else _DANGEROUS).sub(_escaped, text)
    return _SURROGATE.sub(_escaped, text)


def cut(text: str, limit: int = LONGEST_VALUE) -> str:
    """Keep the first ``limit`` bytes of UTF-8, and append how many were cut."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return text
    return f"{encoded[:limit].decode('utf-8', 'ignore')}[+{len(encoded) - limit} bytes]"


def cut_front(text: str, limit: int = LONGEST_VALUE) -> str:
    """Keep the last ``limit`` bytes of UTF-8: the end of a traceback names the error."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return text
    return f"[{len(encoded) - limit} bytes+]{encoded[-limit:].decode('utf-8', 'ignore')}"


class Redactor:
    """Redacts values of any type for a log line."""

    def __init__(self, registry: SecretRegistry) -> None:
        self._registry = registry

    def text(self, text: str, *, keep_lines: bool = False, keep_end: bool = False) -> str:
        """Mask, escape and cut a text. Masking comes first, since a cut could leave half a secret."""
        text = escape(mask_patterns(self._registry.mask(text)), keep_lines=keep_lines)
        return cut_front(text) if keep_end else cut(text)

    def field(self, name: str, value: Any, depth: int = 0) -> Any:
        """Redact the value of a field; ``***`` if its name says that it is a secret."""
        if (
            is_secret_field(name)
            and value not in (None, True, False)
            and not isinstance(value, int)
        ):
            return MASK
        return self.value(value, depth)

    def value(self, value: Any, depth: int = 0) -> Any:
        """Redact a value of any type. The result can be encoded as JSON."""
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value)
            case SecretStr() | SecretBytes():
                return MASK
            case date() | timedelta():
                return str(value)
            case _ if depth >= DEEPEST:
                return self.text(repr(value))
            case Mapping():
                return self._mapping(value, depth)
            case bytes() | bytearray():
                return self.text(bytes(value[:LONGEST_VALUE]).decode("utf-8", "backslashreplace"))
            case Sequence() | Set():
                items = [self.value(item, depth + 1) for item in list(value)[:MOST_ITEMS]]
                return (
                    [*items, f"[+{len(value) - MOST_ITEMS}]"] if len(value) > MOST_ITEMS else items
                )
            case _:
                return self.text(str(value))

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        kept = list(value.items())[:MOST_ITEMS]
        made = {self.text(str(key)): self.field(str(key), item, depth + 1) for key, item in kept}
        if len(value) > MOST_ITEMS:
            made["[more]"] = len(value) - MOST_ITEMS
        return made
