"""All routes of the console. A page module has its own in ``ROUTES``; it is added here."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from app.console.errors import PageMount, PageRoute
from app.console.files import CONSOLE_FILES, PREFIX
from app.console.pages import (
    activation,
    activations,
    audience,
    audiences,
    audit,
    dataset,
    datasets,
    destination,
    destinations,
    erasure,
    home,
    left_out,
    new_activation,
    operations,
    profile,
    settings,
    start,
    sync,
    syncs,
)
from app.console.routing import SIGN_IN, post
from app.console.sign_in import show_sign_in, sign_in, sign_out
from app.core.errors import NotFound
from app.core.page_policy import CONSOLE_HEADERS
from app.core.pages import STATIC
from app.core.url_paths import raw_path

_PAGES = (
    home,
    audiences,
    audience,
    activations,
    new_activation,
    activation,
    start,
    sync,
    left_out,
    syncs,
    destinations,
    destination,
    datasets,
    dataset,
    profile,
    erasure,
    operations,
    settings,
    audit,
)
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


async def root(request: Request) -> Response:
    """Redirect browsers to the console. Raises HTTPException for other clients: this path has nothing for them."""
    if request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/console", 303)
    raise HTTPException(404)


async def favicon(request: Request) -> Response:
    """Return the icon, for browsers that ask for it without a page."""
    return FileResponse(
        STATIC / "favicon.svg", media_type="image/svg+xml", headers=dict(CONSOLE_HEADERS)
    )


async def missing(request: Request) -> Response:
    """Show that there is no such page, or redirect to the one without a slash at its end. Raises NotFound."""
    if request.method == "GET" and (path := raw_path(request.scope)).endswith("/"):
        return RedirectResponse(path.rstrip("/"), 303)
    raise NotFound("This page does not exist.")


console_router = APIRouter(
    routes=[
        Route("/", root, methods=_METHODS),
        PageRoute("/favicon.ico", favicon),
        PageMount(PREFIX, CONSOLE_FILES),
        PageRoute(SIGN_IN, show_sign_in),
        PageRoute(SIGN_IN, sign_in, methods=["POST"]),
        PageRoute(
            "/console/sign-out", post(sign_out, home.show_home, scope="read"), methods=["POST"]
        ),
        *(route for page in _PAGES for route in page.ROUTES),
        PageRoute("/console/{path:path}", missing),
    ]
)
