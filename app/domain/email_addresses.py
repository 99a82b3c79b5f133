"""E-mail addresses: checked and brought into one form, without DNS.

The domain is checked by ``email-validator``. The local part is checked here, because addresses exist that the library
refuses: ``a..b@docomo.ne.jp``.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import email_validator
from email_validator.syntax import check_unsafe_chars, validate_email_domain_name

from app.domain.text_forms import visible

# Addresses of test and internal domains are data of the user. This is the library's documented way to allow them.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_ATEXT = r"a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-"
_LOCAL = re.compile(rf"[\u0080-\U0010ffff{_ATEXT}]+")
_MOST_LOCAL = 64  # bytes (RFC 5321)
_MOST = 254

#: Addresses of up to ``PLAIN_BYTES`` without ``--`` that need no library: their form is that in lower case.
PLAIN = (
    rf"[{_ATEXT}]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+"
    r"(?:[A-Za-z0-9][A-Za-z0-9-]*)?[A-Za-z]"
)
PLAIN_BYTES = 64


@lru_cache(maxsize=100_000)
def valid_email(value: str) -> str | None:
    """Return the address in lower case with an ASCII domain, or None if the text is not one address."""
    local, at, domain = visible(value).rpartition("@")
    local = _unquoted(unicodedata.normalize("NFKC", local.lower()))
    if not at or not _is_local(local):
        return None
    try:
        check_unsafe_chars(local)
        ascii_domain = validate_email_domain_name(domain)["ascii_domain"].lower()
    except (ValueError, IndexError):  # the library's errors and those of idna are ValueErrors
        return None
    address = f"{local}@{ascii_domain}"
    return address if len(address.encode()) <= _MOST else None


def _is_local(local: str) -> bool:
    return (
        _LOCAL.fullmatch(local) is not None
        and len(local.encode()) <= _MOST_LOCAL
        and unicodedata.normalize("NFKC", local.lower()) == local
    )


def _unquoted(local: str) -> str:
    """Return a local part without its quotes: ``"a..b"@docomo.ne.jp`` and ``a..b@docomo.ne.jp`` are one mailbox."""
    if len(local) > 2 and local[0] == local[-1] == '"':
        return local[1:-1]
    return local
