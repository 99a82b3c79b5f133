"""Error responses: errors of the application, the framework and the database, and bugs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.api.edge.near_paths import path_advice
from app.core.disk_reserve import disk_full, is_full
from app.core.errors import (
    AppError,
    BadRequest,
    Invalid,
    Problem,
    Unavailable,
)
from app.core.json_bytes import to_json
from app.core.known_fields import description_of, known_fields
from app.core.logging import get_logger
from app.core.objects import StoreError
from app.core.page_policy import ERROR_PAGE
from app.core.sentences import sentence, validation_words

log = get_logger(__name__)

ANSWER_HEADERS = "activations.answer_headers"  # in the ASGI scope: headers of every response

_TYPES = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    409: "conflict",
    413: "payload-too-large",
    415: "unsupported-media-type",
    422: "input-validation",
    429: "RequestError",
    503: "unavailable",
}
# Lock timeouts, deadlocks and serialization failures: the client can retry.
_BUSY_STATES = {"40001", "40P01", "55P03"}


def install_error_handlers(app: FastAPI) -> None:
    """Register a handler for each kind of exception."""
    app.add_exception_handler(AppError, app_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _cut)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(PoolTimeout, _database_away)
    app.add_exception_handler(asyncpg.PostgresError, _database_error)
    app.add_exception_handler(asyncpg.InterfaceError, _database_away)
    app.add_exception_handler(asyncpg.InternalClientError, _database_away)
    app.add_exception_handler(OSError, _system_error)
    app.add_exception_handler(Exception, _bug)


def error_answer(
    request: Request,
    status: int,
    entries: Sequence[Mapping[str, Any]],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Create the response ``{"errors": […]}`` as application/json; for a page of the console, the page that shows the errors."""
    if (show := request.scope.get(ERROR_PAGE)) is not None:
        page: Response = show(request, status, entries, headers or {})
        return page
    return Response(
        to_json({"errors": list(entries)}),
        status_code=status,
        media_type="application/json",
        headers={**request.scope.get(ANSWER_HEADERS, {}), **(headers or {})},
    )


def entry(kind: str, message: str, field: str | None = None, data: Any = None) -> dict[str, Any]:
    """Create one error of the envelope: ``{"type", "message", "field", "data"}`` without the fields that are None.

    The message becomes a full sentence that names its field (``app.core.sentences``).
    """
    words = sentence(message, field)
    found: dict[str, Any] = {"type": kind, "message": words, "field": field, "data": data}
    return {key: value for key, value in found.items() if value is not None}


async def app_error(request: Request, error: Exception) -> Response:
    """Create the response for an ``AppError``."""
    assert isinstance(error, AppError)  # noqa: S101  registered for AppError only
    entries = [
        entry(error.type, problem.message, problem.field, error.data) for problem in error.problems
    ]
    return error_answer(request, error.status, entries, error.headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    body = _body_of(request)
    problems = [_problem(fault, body) for fault in error.errors()]
    return await app_error(request, Invalid("invalid input", problems=problems))


def _body_of(request: Request) -> Any:
    """Return the type of the body of the request's operation, or None."""
    field = getattr(request.scope.get("route"), "body_field", None)
    return field.field_info.annotation if field is not None else None


def _problem(fault: Mapping[str, Any], body: Any) -> Problem:
    path = _path(fault["loc"])
    if not path:
        own = fault["type"] in ("value_error", "assertion_error")
        return Problem(validation_words(fault) if own else "the body must be a JSON object")
    location = fault["loc"][1:]
    known = known_fields(body, location[:-1]) if fault["type"] == "extra_forbidden" else ()
    return Problem(validation_words(fault, known, description_of(body, location)), path)


def _path(location: Sequence[int | str]) -> str:
    """Return ``destination.id`` for ``("body", "destination", "id")``."""
    parts = list(location)
    if parts and parts[0] in ("body", "query", "path", "header"):
        parts = parts[1:]
    return ".".join(str(part) for part in parts)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    status = error.status_code
    kind = _TYPES.get(status, "internal" if status >= 500 else "bad-request")
    return error_answer(request, status, [entry(kind, _words(request, error))], error.headers)


def _words(request: Request, error: HTTPException) -> str:
    """Return the message of an error of routing: what is wrong with the path or method, and which ones there are."""
    match error.status_code:
        case 404:
            operations = getattr(request.app.router, "operations", ())
            return path_advice(request.scope["path"], [route.path for route in operations])
        case 405:
            allowed = (error.headers or {}).get("Allow", "")
            return f"The path {request.scope['path']} does not support {request.method}; it supports {allowed}"
        case _:
            return str(error.detail)


async def _cut(request: Request, error: Exception) -> Response:
    # The client closed the connection: not an error of the service, and nobody reads the response.
    return await app_error(request, BadRequest("the body is incomplete"))


def _sqlstate(error: BaseException | None) -> str | None:
    while error is not None:
        state = getattr(error, "sqlstate", None)
        if isinstance(state, str):
            return state
        error = error.__cause__
    return None


async def _database_error(request: Request, error: Exception) -> Response:
    state = _sqlstate(error.orig if isinstance(error, DBAPIError) else error)
    if state in _BUSY_STATES:
        log.warning("database_busy", sqlstate=state)
        return await _unavailable(request, "busy with a conflicting change; try again")
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    # Class 08: connection; 57: the server is stopping or starting; 53: out of connections or disk space;
    # 3D: the database does not exist.
    if lost or state is None or state[:2] in ("08", "57", "53", "3D"):
        return await _database_away(request, error)
    return await _bug(request, error)


async def _system_error(request: Request, error: Exception) -> Response:
    """Name what is away: the disk is full, the object store, a local file, or else the database."""
    assert isinstance(error, OSError)  # noqa: S101  registered for OSError only
    if is_full(error):
        log.error("disk_full")
        return await app_error(request, disk_full())
    if isinstance(error, StoreError):
        log.error("object_store_away", reason=str(error))
        return await _unavailable(request, "the object store is unavailable; try again")
    if error.filename is not None:
        log.error("local_file_unusable", file=str(error.filename), reason=error.strerror)
        return await _unavailable(request, "the service cannot use its local disk; try again")
    return await _database_away(request, error)


async def _database_away(request: Request, error: Exception) -> Response:
    log.error("database_away", error=type(error).__name__)
    return await _unavailable(request, "the database is unavailable; try again")


async def _unavailable(request: Request, message: str) -> Response:
    return await app_error(request, Unavailable(message, headers={"Retry-After": "1"}))


async def _bug(request: Request, error: Exception) -> Response:
    route = request.scope.get("route")
    log.error(
        "unhandled_exception",
        operation=getattr(route, "operation_id", None),
        exc_info=(type(error), error, error.__traceback__),
    )
    return error_answer(request, 500, [{"type": "internal", "message": ""}])
