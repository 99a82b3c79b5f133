"""Sign-in with a token or a one-time link, and sign-out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.console import cookies
from app.console.forms import FORM_TOKEN, read_form
from app.console.rendering import render
from app.console.routing import SIGN_IN
from app.console.visits import Done, Visit
from app.core import clock
from app.core.errors import AppError, Unauthorized
from app.services import tenancy
from app.services.platform import Platform
from app.services.tenancy import Authenticator, Caller

_VISITOR_SECONDS = 3600
_MAX_TOKEN = 256


@dataclass(frozen=True, slots=True)
class Desk:
    """What a sign-in needs; one per process, at ``app.state.console``. ``wrong_token`` counts a wrong token of an address."""

    authenticator: Authenticator
    wrong_token: Callable[[str], Awaitable[None]]


async def show_sign_in(request: Request) -> Response:
    """Show the form for a token, or for the link of the query the button that uses it."""
    return _form(request, {"next": [request.query_params.get("next", "")]})


async def sign_in(request: Request) -> Response:
    """Open a session, and go to the page that was asked for."""
    platform: Platform = request.app.state.platform
    form = await read_form(request, platform, cookies.read_cookie(request, "visitor"))
    try:
        caller = await _caller(request, platform, form)
        now = clock.now()
        opened = await tenancy.open_console(platform.hot, platform.keyring, caller, now)
    except AppError as error:
        return _form(request, form, error)
    response = RedirectResponse(_local(form.get("next", [""])[-1]), 303)
    seconds = int((opened.ends_at - now).total_seconds())
    cookies.set_cookie(response, request, platform.settings, "session", opened.text, seconds)
    cookies.drop_cookie(response, request, platform.settings, "visitor")
    return response


async def sign_out(visit: Visit) -> Done | Response:
    """End the session, and let the browser forget it."""
    await tenancy.end_console(visit.session, visit.signed_in)
    response = RedirectResponse(SIGN_IN, 303)
    cookies.drop_cookie(response, visit.request, visit.platform.settings, "session")
    return response


async def _caller(
    request: Request, platform: Platform, form: Mapping[str, Sequence[str]]
) -> Caller:
    desk: Desk = request.app.state.console
    address = request.client.host if request.client else ""
    if link := form.get("link", [""])[-1].strip():
        try:
            async with platform.unit_of_work() as session:
                return await tenancy.use_console_link(
                    session, keyring=platform.keyring, text=link, now=clock.now()
                )
        except Unauthorized:
            await desk.wrong_token(address)
            raise
    token = form.get("token", [""])[-1].strip()
    is_readable = token.isascii() and len(token) <= _MAX_TOKEN
    caller = await desk.authenticator.check(token) if token and is_readable else None
    if caller is None:
        await desk.wrong_token(address)
        raise Unauthorized("The token is not valid." if token else "Enter a token.", field="token")
    return caller


def _local(wanted: str) -> str:
    """Return the page to go to, which is one of the console: a link must not lead to another site."""
    is_page = wanted.startswith("/console") and "\\" not in wanted and wanted.isprintable()
    return wanted if is_page and not wanted.startswith(SIGN_IN) else "/console"


def _form(
    request: Request, form: Mapping[str, Sequence[str]], error: AppError | None = None
) -> Response:
    platform: Platform = request.app.state.platform
    nonce = cookies.read_cookie(request, "visitor") or cookies.new_nonce()
    link = form.get("link", [""])[-1] or request.query_params.get("link", "")
    values = {
        "title": "Sign in",
        "form_token": cookies.form_token(platform.keyring, nonce),
        "form_token_name": FORM_TOKEN,
        "link": "" if error is not None else link,
        "next": form.get("next", [""])[-1],
        "error": error.message if error else "",
    }
    status = error.status if error else 200
    response = render("sign_in.html", values, status=status, headers=error.headers if error else {})
    cookies.set_cookie(response, request, platform.settings, "visitor", nonce, _VISITOR_SECONDS)
    return response
