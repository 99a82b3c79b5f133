"""Masks secrets in requests and responses: some partners repeat the whole request, keys included."""

from __future__ import annotations

import base64
import functools
import html
import json
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from urllib.parse import quote, quote_plus

import httpx

from app.connectors.messages import Request
from app.connectors.urls import query_secrets, with_hidden_query
from app.core.redaction import SHORTEST_SECRET, mask_patterns
from app.core.storable import storable_text

MASK = "<…>"
# The extension of a request that holds the secrets of its account.
ACCOUNT_SECRETS = "account_secrets"
_SLACK = 8192  # characters masked beyond the wanted length: a mask is shorter than its secret
# Headers without secrets. Other headers can be set by users and contain keys.
_HARMLESS = {
    "accept", "accept-encoding", "connection", "content-length", "content-type", "host", "revision", "user-agent",
    "webhook-id", "webhook-timestamp",
}  # fmt: skip


def shown_headers(request: Request) -> dict[str, str]:
    """Return ``{name: value}`` of a request's headers; values that may contain a secret are masked."""
    return {
        name: value if name.lower() in _HARMLESS else MASK
        for name, value in request.headers.items()
    }


def shown_url(url: httpx.URL, forms: Sequence[str] = ()) -> str:
    """Return a URL with its parameters masked: they may contain a key."""
    written = url.query.decode()
    query = with_hidden_query(f"?{written}", MASK) if written else ""
    begin = str(url.copy_with(query=None, fragment=None))
    return mask_patterns(without_secrets(begin, forms, len(begin))[0]) + query


def without_secrets(text: str, forms: Sequence[str], length: int) -> tuple[str, bool]:
    """Return the masked beginning of a text, usually longer than ``length``, and whether it is the whole text.

    ``forms`` come from ``forms_of``. A long text is cut before it is masked; then its end is dropped, because it could
    hold half a secret.
    """
    longest = len(forms[0]) if forms else 0
    begin = text[: length + _SLACK + longest]
    is_whole = len(begin) == len(text)
    for form in forms:
        begin = begin.replace(form, MASK)
    return begin if is_whole else begin[: max(0, len(begin) - longest)], is_whole


def forms_of(secrets: Iterable[str]) -> list[str]:
    """Return secrets in plain form, and as partners may repeat them (see ``_written``), the longest first."""
    forms = {
        form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in _written(secret)
    }
    return sorted(forms, key=len, reverse=True)


def _written(secret: str) -> Iterator[str]:
    """Yield a secret as it is, in JSON, JSON in JSON, URLs, HTML, base64, hexadecimal digits, and upper and lower case."""
    once = json.dumps(secret)[1:-1]
    quoted = quote(secret, safe="")
    raw = secret.encode("utf-8", "surrogatepass")
    yield from (secret, once, json.dumps(once)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (quoted, quote_plus(secret), quote(quoted, safe=""), html.escape(secret))
    yield from (quoted.replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),)
    yield from (secret.upper(), secret.lower(), raw.hex(), raw.hex().upper())
    for coded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        yield coded.decode().rstrip("=")


_account: ContextVar[Sequence[str]] = ContextVar("account", default=())


def set_account(secrets: Sequence[str]) -> None:
    """Name the secrets of the account whose calls this task makes; errors and refusals of the task are masked with them."""
    _account.set(secrets)


def masked(text: str) -> str:
    """Return a text without the secrets of the account whose calls this task makes, in any of their forms.

    What a row of the database cannot store is replaced, too: partners may respond with any text.
    """
    text = storable_text(text)
    secrets = _account.get()
    if not secrets:
        return text
    for form in _forms_of_account(tuple(secrets)):
        if form in text:
            text = text.replace(form, MASK)
    return text


@functools.lru_cache(maxsize=256)
def _forms_of_account(secrets: Sequence[str]) -> Sequence[str]:
    return forms_of(secrets)


def masked_word(text: str, length: int) -> str:
    """Return a partner's code or pointer: printable, masked and cut."""
    begin = masked(text[:_SLACK])[:length]
    return "".join(letter if letter.isprintable() else " " for letter in begin)


def secrets_sent(request: Request) -> list[str]:
    """Return forms of the secrets that a response must not show: of the account, and of the request's headers and URL.

    Header values count whole and by word, except the first word: in "Bearer …" it names the kind of key, which partners
    mention in their messages.
    """
    values = [value for name, value in request.headers.items() if name.lower() not in _HARMLESS]
    values += query_secrets(f"?{request.url.query.decode()}")
    parts = {part for value in values for part in (value, *value.split()[1:])}
    return forms_of({*parts, *request.extensions.get(ACCOUNT_SECRETS, ())})
