"""The routing table: a tree of the segments of raw paths, so that an id may contain an escaped slash.

Starlette matches the decoded path: an id that contains ``%2F`` would be read as two segments and could match another
operation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.edge.entrances import Entrances
from app.api.edge.observation import observe
from app.api.edge.route import ApiRoute
from app.core.url_paths import raw_path

_ALIASES = {"HEAD": "GET"}


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    routes: dict[str, tuple[APIRoute, tuple[str, ...]]] = field(default_factory=dict)


def segments_of(scope: Scope) -> list[str]:
    """Split the raw path into decoded segments, without extra leading slashes and without ``root_path``."""
    return [unquote(segment) for segment in raw_path(scope)[1:].split("/")]


class RouteTable:
    """A tree of path segments. A fixed segment takes precedence over a variable one."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, route: APIRoute) -> None:
        """Add a route."""
        node = self._root
        names: list[str] = []
        for segment in route.path.strip("/").split("/"):
            if segment.startswith("{"):
                names.append(segment.strip("{}").partition(":")[0])
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.fixed.setdefault(segment, _Node())
        for method in route.methods or ():
            node.routes[method] = (route, tuple(names))

    def find(self, segments: list[str]) -> tuple[_Node, list[str]] | None:
        """Find the node of a path and the values of its variable segments; None if there is no such path."""
        return _find(self._root, segments, 0, [])


def _find(
    node: _Node, segments: list[str], index: int, values: list[str]
) -> tuple[_Node, list[str]] | None:
    if index == len(segments):
        return (node, values) if node.routes else None
    segment = segments[index]
    fixed = node.fixed.get(segment)
    if fixed is not None and (found := _find(fixed, segments, index + 1, values)):
        return found
    # No id is empty. None contains a NUL character, and PostgreSQL would reject a query for one.
    if node.variable is None or not segment or "\x00" in segment:
        return None
    return _find(node.variable, segments, index + 1, [*values, segment])


class ApiRouter(APIRouter):
    """The application's router: finds operations in the table, and other routes (pages, files) as Starlette does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(redirect_slashes=False, **options)
        self._table = RouteTable()
        self.operations: list[APIRoute] = []

    def take(self, router: APIRouter) -> None:
        """Add all routes of a router.

        Operations are not added to ``routes``: there, a decoded path could match another operation than the raw path.
        """
        for route in router.routes:
            if isinstance(route, APIRoute):
                self._table.add(route)
                self.operations.append(route)
            else:
                self.routes.append(route)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch one connection."""
        if scope["type"] == "http":
            segments = segments_of(scope)
            found = self._table.find(segments)
            if found is not None:
                await _dispatch(*found, scope, receive, send)
                return
            scope["path"] = "/" + scope["path"].lstrip("/")
        await super().app(scope, receive, send)


async def _dispatch(
    node: _Node, values: list[str], scope: Scope, receive: Receive, send: Send
) -> None:
    method = scope["method"]
    found = node.routes.get(method) or node.routes.get(_ALIASES.get(method, ""))
    if found is None:
        allowed = ", ".join(_allowed(node))
        if method == "OPTIONS":
            await Response(status_code=204, headers={"Allow": allowed})(scope, receive, send)
            return
        raise HTTPException(405, headers={"Allow": allowed})
    route, names = found
    scope["route"] = route
    scope["endpoint"] = route.endpoint
    scope["path_params"] = dict(zip(names, values, strict=True))
    entrances: Entrances = scope["app"].state.entrances
    work = route.operation.work if isinstance(route, ApiRoute) else "quick"
    await observe(route, getattr(entrances, work), scope, receive, send)


def _allowed(node: _Node) -> list[str]:
    methods = {*node.routes, "OPTIONS"}
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)
