"""The cookies of the console: the session, a visitor's nonce before sign-in, and a note for the next page."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from app.core.config import Settings
from app.core.crypto import Keyring

NOTE_SECONDS = 60
_NONCE = 16  # bytes


def cookie_name(request: Request, kind: str) -> str:
    """Return the name of a cookie. It has the port, since browsers send the cookies of a host to all of its ports."""
    port = request.url.port
    return f"activations_{kind}_{port}" if port else f"activations_{kind}"


def is_secure(request: Request, settings: Settings) -> bool:
    """Return whether visitors come by https."""
    return request.url.scheme == "https" or (settings.public_url or "").startswith("https:")


def set_cookie(
    response: Response, request: Request, settings: Settings, kind: str, value: str, seconds: int
) -> None:
    """Set a cookie that scripts cannot read, and that other sites cannot send with their forms."""
    response.set_cookie(
        cookie_name(request, kind),
        value,
        max_age=seconds,
        path="/console",
        httponly=True,
        samesite="lax",
        secure=is_secure(request, settings),
    )


def drop_cookie(response: Response, request: Request, settings: Settings, kind: str) -> None:
    """Let the browser forget a cookie."""
    set_cookie(response, request, settings, kind, "", 0)


def read_cookie(request: Request, kind: str) -> str:
    """Return the value of a cookie, empty if the browser sent none."""
    return request.cookies.get(cookie_name(request, kind), "")


def new_nonce() -> str:
    """Return a nonce for a visitor who has not signed in."""
    return secrets.token_urlsafe(_NONCE)


def form_token(keyring: Keyring, nonce: str) -> str:
    """Return the token that each form of a visitor contains. Other sites cannot compute it."""
    return base64.urlsafe_b64encode(keyring.sign("console form", nonce.encode())).decode()


def is_form_token(keyring: Keyring, nonce: str, given: str) -> bool:
    """Return whether a form has the token of its visitor."""
    return (
        bool(nonce) and given.isascii() and hmac.compare_digest(form_token(keyring, nonce), given)
    )


def note_text(keyring: Keyring, note: str) -> str:
    """Return a note for the next page as the value of a cookie, signed."""
    encoded = base64.urlsafe_b64encode(note.encode()).decode()
    return f"{encoded}.{_note_signature(keyring, encoded)}"


def read_note(keyring: Keyring, text: str) -> str:
    """Return the note of a cookie; empty if it is missing or was not written by the service."""
    encoded, _, signature = text.partition(".")
    if not text.isascii() or not hmac.compare_digest(_note_signature(keyring, encoded), signature):
        return ""
    try:
        return base64.urlsafe_b64decode(encoded).decode()
    except (binascii.Error, ValueError):
        return ""


def _note_signature(keyring: Keyring, encoded: str) -> str:
    return base64.urlsafe_b64encode(keyring.sign("console note", encoded.encode())).decode()


def from_here(request: Request, settings: Settings) -> bool:
    """Return whether a form was sent by a page of this service: by its Origin, else by what the browser says of its site.

    The scheme is not compared: behind a proxy that ends TLS, the service sees another one.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site") in ("same-origin", "none")
    sender = urlsplit(origin).netloc
    own = {request.headers.get("host", ""), urlsplit(settings.public_url or "").netloc} - {""}
    return sender in own
