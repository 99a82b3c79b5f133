"""Endpoints of pages and actions: sign-in, space, transaction, permission, and what is shown after a fault.

A page is a function from a :class:`Visit` to :class:`Shown`, an action one to :class:`Done`, or to :class:`Shown` if what it did is
shown only once. Both may raise the errors of services.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.console import cookies
from app.console.calls_in_words import on_page
from app.console.code_words import fault_words
from app.console.forms import FORM_TOKEN, read_file_form, read_form
from app.console.rendering import render
from app.console.visits import Done, Shown, SpaceLink, Visit
from app.core import clock
from app.core.errors import AppError, Forbidden, NotFound, Problem
from app.core.pagination import PageRequest
from app.core.streamed_body import StreamedBody
from app.core.url_paths import raw_path
from app.services import tenancy
from app.services.platform import Platform, Session
from app.services.tenancy import ConsoleSession

Page = Callable[[Visit], Awaitable[Shown | Response]]
Action = Callable[[Visit], Awaitable[Done | Shown | Response]]
Endpoint = Callable[[Request], Awaitable[Response]]
SIGN_IN = "/console/sign-in"
_MOST_SPACES = 200


def get(page: Page) -> Endpoint:
    """Return the endpoint of a page. A visitor who is not signed in is led to the sign-in, and back to the page."""

    async def endpoint(request: Request) -> Response:
        signed_in = await _signed_in(request)
        if signed_in is None:
            return _to_sign_in(request)
        return await _shown(request, signed_in, page)

    return endpoint


def post(action: Action, on: Page, *, scope: str = "write", takes_file: bool = False) -> Endpoint:
    """Return the endpoint of an action, whose form is on the page ``on``. After a fault, the page shows it with the fields as sent.

    An action that takes a file runs with no transaction open, and is cancelled if the visitor leaves before it ends.
    """

    async def endpoint(request: Request) -> Response:
        signed_in = await _signed_in(request)
        if signed_in is None:
            return _to_sign_in(request)
        platform = _platform(request)
        body, file = StreamedBody(request), None
        if takes_file:
            form, file = await read_file_form(request, platform, signed_in.nonce, body.pieces())
        else:
            form = await read_form(request, platform, signed_in.nonce)
        if scope not in signed_in.caller.scopes:
            raise Forbidden(f"this token lacks the scope {scope}")
        try:
            async with platform.unit_of_work() as session:
                visit = await _visit(request, signed_in, session, form)
                if file is None:
                    done = await action(visit)
                else:
                    visit.file = file
                    await session.rollback()
                    done = await body.run(action(visit))
                await _name_actors(visit, done)
        except AppError as error:
            if error.status >= 500 or isinstance(error, NotFound):
                raise
            return await _shown(
                request, signed_in, on, form=form, problems=error.problems, status=error.status
            )
        return _after(visit, done)

    return endpoint


def _after(visit: Visit, done: Done | Shown | Response) -> Response:
    if isinstance(done, Response):
        return done
    if isinstance(done, Shown):
        return _rendered(visit, done)
    response = RedirectResponse(done.to, 303)
    if done.note:
        platform = visit.platform
        text = cookies.note_text(platform.keyring, on_page(done.note))
        cookies.set_cookie(
            response, visit.request, platform.settings, "note", text, cookies.NOTE_SECONDS
        )
    return response


async def _signed_in(request: Request) -> ConsoleSession | None:
    platform = _platform(request)
    text = cookies.read_cookie(request, "session")
    if not text:
        return None
    return await tenancy.read_console(platform.hot, platform.keyring, text, clock.now())


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


def _to_sign_in(request: Request) -> Response:
    if request.method not in ("GET", "HEAD"):
        return RedirectResponse(SIGN_IN, 303)
    query = request.url.query
    wanted = raw_path(request.scope) + (f"?{query}" if query else "")
    address = f"{SIGN_IN}?next={quote(wanted, safe='/')}"
    if "hx-request" in request.headers:  # a part of a page, which the sign-in cannot replace
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


async def _visit(
    request: Request,
    signed_in: ConsoleSession,
    session: Session,
    form: Mapping[str, Sequence[str]],
    problems: Sequence[Problem] = (),
) -> Visit:
    """Return the visit. Raises NotFound if the space of the path is not one of the visitor's workspace."""
    if any(len(str(value)) > 255 or "\x00" in str(value) for value in request.path_params.values()):
        raise NotFound("This page does not exist.")
    workspace_id = signed_in.caller.workspace_id
    found = await tenancy.page_spaces(session, workspace_id, PageRequest(_MOST_SPACES))
    visit = Visit(
        request=request,
        platform=_platform(request),
        signed_in=signed_in,
        session=session,
        now=clock.now(),
        spaces=[SpaceLink(space.id, space.name) for space in found.entries],
        form=form,
        problems=problems,
    )
    if (wanted := request.path_params.get("spaceId")) is not None:
        visit.space = next((one for one in visit.spaces if one.id == wanted), None)
        if visit.space is None:
            space = await tenancy.get_space(session, workspace_id, wanted)
            visit.space = SpaceLink(space.id, space.name)
    return visit


async def _shown(
    request: Request,
    signed_in: ConsoleSession,
    page: Page,
    *,
    form: Mapping[str, Sequence[str]] | None = None,
    problems: Sequence[Problem] = (),
    status: int = 200,
) -> Response:
    platform = _platform(request)
    async with platform.unit_of_work() as session:
        visit = await _visit(request, signed_in, session, form or {}, problems)
        shown = await page(visit)
        await _name_actors(visit, shown)
    if isinstance(shown, Response):
        return shown
    return _rendered(visit, shown, status)


async def _name_actors(visit: Visit, shown: Shown | Done | Response) -> None:
    """Read the names of the actors that a page shows."""
    if isinstance(shown, Shown):
        visit.actor_names = await tenancy.actor_names(
            visit.session, visit.caller.workspace_id, shown.actors
        )


def _rendered(visit: Visit, shown: Shown, status: int = 200) -> Response:
    platform, request = visit.platform, visit.request
    note = cookies.read_note(platform.keyring, cookies.read_cookie(request, "note"))
    response = render(
        shown.template, {**_common(visit, note), **_values(visit, shown)}, status=status
    )
    if note:
        cookies.drop_cookie(response, request, platform.settings, "note")
    return response


def _common(visit: Visit, note: str) -> dict[str, Any]:
    return {
        "visit": visit,
        "now": visit.now,
        "note": note,
        "form_token": visit.form_token,
        "form_token_name": FORM_TOKEN,
        "may_write": visit.may_write,
    }


def _values(visit: Visit, shown: Shown) -> dict[str, Any]:
    base = (visit.platform.settings.public_url or str(visit.request.base_url)).rstrip("/")
    return {
        "title": shown.title,
        "section": shown.section,
        "view": shown.view,
        "api": [f"{base}{path}" for path in shown.api],
        "faults": _faults(visit.problems),
    }


def _faults(problems: Sequence[Problem]) -> Mapping[str, Sequence[str]]:
    """Return the messages of each field; those without a field are under the empty name."""
    found: dict[str, list[str]] = {}
    for problem in problems:
        found.setdefault(problem.field or "", []).append(fault_words(on_page(problem.message)))
    return found
