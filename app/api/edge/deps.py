"""Dependencies of routes: the transaction, the caller, the space, the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.edge import queries, repeats
from app.api.edge.route import CALLER
from app.contract.envelope import PaginationInput
from app.core.errors import Invalid, NotFound, Problem
from app.core.pagination import PageRequest
from app.services import tenancy
from app.services.platform import Platform
from app.services.tenancy import Caller

_READING = frozenset({"GET", "HEAD"})


def platform_of(request: Request) -> Platform:
    """Return the platform of this process."""
    platform: Platform = request.app.state.platform
    return platform


def caller_of(request: Request) -> Caller:
    """Return the authenticated caller, which admission stored in the ASGI scope."""
    caller: Caller = request.scope[CALLER]
    return caller


async def transaction_of(request: Request) -> AsyncIterator[AsyncSession]:
    """Open one transaction for the request. It is committed before the response is sent."""
    async with platform_of(request).unit_of_work() as session:
        await repeats.claim_repeat(request, session, caller_of(request))
        yield session


async def session_of(request: Request) -> AsyncIterator[AsyncSession]:
    """Open one transaction for the request. A GET reads without one."""
    if request.method in _READING:
        yield platform_of(request).reading()
        return
    async with _TRANSACTION(request) as session:
        yield session


_TRANSACTION = asynccontextmanager(transaction_of)


async def platform_once(request: Request) -> Platform:
    """Return the platform to a POST that needs several transactions; claim its idempotency key in one of its own."""
    await repeats.begin_repeat(request, caller_of(request))
    return platform_of(request)


# Dependencies are coroutines: FastAPI runs functions in threads, which takes longer than what they do.


async def _platform(request: Request) -> Platform:
    return platform_of(request)


async def _caller(request: Request) -> Caller:
    return caller_of(request)


PlatformDep = Annotated[Platform, Depends(_platform)]
PlatformOnceDep = Annotated[Platform, Depends(platform_once)]
CurrentToken = Annotated[Caller, Depends(_caller)]
SessionDep = Annotated[AsyncSession, Depends(session_of, scope="function")]
TransactionDep = Annotated[
    AsyncSession, Depends(transaction_of, scope="function")
]  # of a GET that writes


@dataclass(frozen=True, slots=True)
class Scene:
    """A space of the caller's workspace, and the actor of the request."""

    workspace_id: str
    space_id: str
    actor: str


def known_spaces(request: Request) -> dict[str, str]:
    """Return the cache ``{space id: workspace id}`` of this process. A space never changes its workspace."""
    known: dict[str, str] = request.app.state.known_spaces
    return known


def check_ids(request: Request) -> None:
    """Check the length of path parameters before any query. Raises Invalid if one exceeds 255 characters."""
    problems = [
        Problem(f'"{name}": string should have at most 255 characters', name)
        for name, value in request.path_params.items()
        if len(value) > 255
    ]
    if problems:
        raise Invalid("invalid path", problems=problems)


async def scene_of(request: Request) -> Scene:
    """Return the space of the path. Raises NotFound if it is not in the caller's workspace."""
    check_ids(request)
    caller = caller_of(request)
    space_id: str = request.path_params["spaceId"]
    known = known_spaces(request)
    workspace_id = known.get(space_id)
    if workspace_id is None:
        workspace_id = await tenancy.workspace_of(platform_of(request).hot, space_id)
        if workspace_id is not None:
            known[space_id] = workspace_id
    if workspace_id != caller.workspace_id:
        raise NotFound.of("space", space_id)
    return Scene(caller.workspace_id, space_id, caller.actor)


CurrentSpace = Annotated[Scene, Depends(scene_of)]


def path_id(name: str, what: str, example: str) -> Any:
    """Return the path parameter of an opaque id, 1 to 255 characters. CurrentSpace checks that the space exists."""
    return Path(
        alias=name, min_length=1, max_length=255, description=f"Id of {what}.", examples=[example]
    )


SpaceId = Annotated[str, path_id("spaceId", "the space", "spa_0vK3mQ7ZtB5xR1nW9cYdEf")]
AudienceId = Annotated[str, path_id("audienceId", "the audience", "aud_0vK3mR2HsD8pL4jT6uXaGb")]
ConnectionId = Annotated[
    str, path_id("connectionId", "the connection", "ii_0vK3mRaWqF1yN7kC3eZoIh")
]
DestinationId = Annotated[
    str, path_id("destinationId", "the account (destination)", "66be7aeca665bd11f8908630")
]
#: The parameter ``id``: of an activation below its audience, and of an audience.
Id = Annotated[str, path_id("id", "the activation", "act_0vK3mS5VgJ9bM2rP8iUwLt")]
OneAudienceId = Annotated[str, path_id("id", "the audience", "aud_0vK3mR2HsD8pL4jT6uXaGb")]

_NUMBERS = frozenset({"count"})


def read_page(request: Request, *, most: int = 1000) -> PageRequest:
    """Read the pagination of a request, in each form that clients use. Raises Invalid if ``count`` exceeds ``most``."""
    found = queries.read_object(request, "pagination", _NUMBERS)
    if found is None:
        return PageRequest()
    given = queries.validated(PaginationInput, found, "pagination")
    if given.count > most:
        raise Invalid(f'"pagination.count": at most {most}', field="pagination.count")
    return PageRequest(given.count, given.cursor or None)


async def _page(request: Request) -> PageRequest:
    return read_page(request)


async def _short_page(request: Request) -> PageRequest:
    return read_page(request, most=200)


PageDep = Annotated[PageRequest, Depends(_page)]
ShortPageDep = Annotated[PageRequest, Depends(_short_page)]


def query_object(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    """Return the OpenAPI parameter of an object in the query: ``{"in": "query", "name": …, "schema": …, …}``."""
    return {
        "in": "query",
        "name": name,
        "required": False,
        "style": "deepObject",
        "explode": True,
        "description": description,
        "schema": schema,
    }


def query_flag(name: str, description: str) -> dict[str, Any]:
    """Return the OpenAPI parameter of a flag in the query, which ``read_flag`` reads: ``{"in": "query", "name": …, …}``."""
    return query_text(name, description, "true", enum=["true", "false"])


def query_text(name: str, description: str, example: str, **schema: Any) -> dict[str, Any]:
    """Return the OpenAPI parameter of a text in the query: ``{"in": "query", "name": …, "schema": …, …}``."""
    return {
        "in": "query",
        "name": name,
        "required": False,
        "description": description,
        "schema": {"type": "string", "examples": [example], **schema},
    }


def pagination_parameter(most: int = 1000) -> dict[str, Any]:
    """Return the OpenAPI parameter ``pagination``: ``{"in": "query", "name": "pagination", "schema": …, …}``."""
    schema = {
        "title": "PaginationInput" if most == 1000 else "ListAudiencesPaginationInput",
        "type": "object",
        "required": ["count"],
        "properties": {
            "count": {
                "type": "integer",
                "minimum": 1,
                "maximum": most,
                "description": f"Maximum number of entries of the page, from 1 to {most}.",
                "examples": [50],
            },
            "cursor": {
                "type": "string",
                "description": "A `current`, `next` or `previous` of an earlier response. Left out for the first page.",
                "examples": ["WyJmIl0="],
            },
        },
    }
    return query_object(
        "pagination",
        schema,
        "The maximum number of entries to return, and the cursor to start from.",
    )


PAGINATION = pagination_parameter()
