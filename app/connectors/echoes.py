"""What partners send back of our own requests: some answer with all that they were sent, keys included."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from urllib.parse import quote

import httpx

from app.core.redaction import SHORTEST_SECRET, mask_patterns

MASK = "<…>"
# The name among a request's extensions of the secrets of the account that it is made for.
ACCOUNT_SECRETS = "account_secrets"
_SLACK = 8192  # characters masked beyond what is wanted: masks are shorter than what they stand for
# Headers that hold no secret; others may be a user's own, with a key in them.
_HARMLESS = {
    "accept", "accept-encoding", "connection", "content-length", "content-type", "host", "revision", "user-agent",
    "webhook-id", "webhook-timestamp",
}  # fmt: skip


def shown_headers(request: httpx.Request) -> dict[str, str]:
    """Headers of a request, those masked that may hold a secret."""
    return {
        name: value if name.lower() in _HARMLESS else MASK
        for name, value in request.headers.items()
    }


def shown_url(url: httpx.URL, forms: Sequence[str] = ()) -> str:
    """A URL with the names of its parameters, and without their values: a key may be among them."""
    names = [pair.partition("=")[0] for pair in url.query.decode().split("&") if pair]
    query = "?" + "&".join(f"{name}={MASK}" for name in names) if names else ""
    begin = str(url.copy_with(query=None, fragment=None))
    return mask_patterns(without_secrets(begin, forms, len(begin))[0]) + query


def without_secrets(text: str, forms: Sequence[str], length: int) -> tuple[str, bool]:
    """The beginning of a text, masked, mostly longer than ``length`` characters; and whether it is the whole.

    ``forms`` as from ``forms_of``. A long text is cut before it is masked, and then the end, where half a secret could
    stand, is left out.
    """
    longest = len(forms[0]) if forms else 0
    begin = text[: length + _SLACK + longest]
    is_whole = len(begin) == len(text)
    for form in forms:
        begin = begin.replace(form, MASK)
    return begin if is_whole else begin[: max(0, len(begin) - longest)], is_whole


def forms_of(secrets: Iterable[str]) -> list[str]:
    """Secrets as they are, as they stand in JSON and in URLs; the longest first."""
    forms = {
        form
        for secret in secrets
        for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""))
        if len(form) >= SHORTEST_SECRET
    }
    return sorted(forms, key=len, reverse=True)


def secrets_sent(request: httpx.Request) -> list[str]:
    """Forms of what no answer is shown with: the account's secrets, and values of the request's headers and URL.

    The values whole and by their words: of "Bearer …" and the like the first says the kind of key, which partners name
    in their advice.
    """
    values = [value for name, value in request.headers.items() if name.lower() not in _HARMLESS]
    values += [value for _, value in request.url.params.multi_items()]
    values += [pair.partition("=")[2] for pair in request.url.query.decode().split("&")]
    parts = {part for value in values for part in (value, *value.split()[1:])}
    return forms_of({*parts, *request.extensions.get(ACCOUNT_SECRETS, ())})
