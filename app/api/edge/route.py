"""The route class of all operations. It admits a request before its body is read.

Admission is: authenticate, negotiate the version, count the call. Then the query is checked, the body is read up to its limit, the endpoint
runs, the response is stored if the request has an idempotency key, and the response headers are set.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from app.api.edge import auth, repeats
from app.api.edge.body import read_body
from app.api.edge.entrances import PLACE, Place
from app.api.edge.errors import ANSWER_HEADERS
from app.api.edge.operation import Operation, operation_of
from app.api.edge.rate_limits import RateLimiter
from app.api.edge.versioning import check_json, negotiate
from app.core.errors import AppError, BadRequest, Unauthorized
from app.core.sent_json import parse_json
from app.services.tenancy import Authenticator

CALLER = "activations.caller"

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Gate:
    """The tools of admission; one per process, at ``app.state.gate``."""

    authenticator: Authenticator
    limiter: RateLimiter
    max_body_bytes: int


class ApiRoute(APIRoute):
    """The route of an operation. ``app.api.edge.described`` returns its options."""

    operation: Operation

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        # Segment accepts a body without a content type as JSON.
        options["strict_content_type"] = False
        self.operation = operation_of(
            options.get("operation_id") or endpoint.__name__, options.get("openapi_extra")
        )
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Any:
        """Wrap FastAPI's handler: admit the request before it, and set the response headers after it."""
        handle = self.inner_handler()
        operation = self.operation
        scope = operation.scope or (
            "read" if (self.methods or set()) <= {"GET", "HEAD"} else "write"
        )
        reads_json = self.body_field is not None and not operation.upload
        body_required = self.body_field is not None and self.body_field.field_info.is_required()

        async def handler(request: Request) -> Response:
            gate: Gate = request.app.state.gate
            content_type = await _admit(request, gate, operation, scope)
            if request.scope["query_string"]:
                operation.query.check(request.query_params)
            if reads_json:
                request = await _read_json(request, gate.max_body_bytes, body_required)
            elif not operation.upload and repeats.has_key(request):
                # The key is compared with the body, whatever it contains.
                body = await _received(request, gate.max_body_bytes)
                request = _ReadRequest(request, body, None)
            try:
                response = await handle(request)
            except repeats.Repeated as repeated:
                response = repeated.response
            except (AppError, RequestValidationError) as error:
                await repeats.release_repeat(request, error)
                raise
            else:
                await repeats.keep_repeat(request, response)
            headers = response.headers
            if "content-type" not in headers:
                headers["content-type"] = content_type
            for name, value in request.scope[ANSWER_HEADERS].items():
                headers[name] = value
            return response

        return handler

    def inner_handler(self) -> Handler:
        """Return the handler of admitted requests."""
        return super().get_route_handler()


class DirectRoute(ApiRoute):
    """The route of a frequent read: its endpoint takes the request, without FastAPI's dependencies, to save time."""

    def inner_handler(self) -> Handler:
        """Return the endpoint as the handler."""
        handler: Handler = self.endpoint
        return handler


async def _admit(request: Request, gate: Gate, operation: Operation, scope: str) -> str:
    """Authenticate, negotiate the version and count the call. Returns the content type of a successful response."""
    headers = request.headers
    try:
        caller = await auth.authenticate(gate.authenticator, headers.get("authorization"))
    except Unauthorized:
        await gate.limiter.wrong_token(request.client.host if request.client else "")
        raise
    auth.permit(caller, scope)
    sent_type = headers.get("content-type")
    agreement = negotiate(headers.get("accept"), sent_type, operation.versions)
    if sent_type is not None and not operation.upload and _has_body(request):
        check_json(sent_type)
    standing = await gate.limiter.admit(caller.token_id, operation.id)
    request.scope[CALLER] = caller
    request.scope[ANSWER_HEADERS] = standing.headers() if standing else {}
    return agreement.content_type


def _has_body(request: Request) -> bool:
    if request.method not in ("POST", "PUT", "PATCH"):
        return False
    headers = request.headers
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _read_json(request: Request, limit: int, required: bool) -> _ReadRequest:
    """Read and parse the body. Raises BadRequest if it is required and empty."""
    body = await _received(request, limit)
    if body.strip():
        return _ReadRequest(request, body, parse_json(body))
    if required:
        raise BadRequest("a JSON body is required")
    return _ReadRequest(request, b"", None)


async def _received(request: Request, limit: int) -> bytes:
    """Read the body; a client that sends it slowly takes up no place."""
    place: Place = request.scope[PLACE]
    async with place.while_received():
        return await read_body(request, limit)


class _ReadRequest(Request):
    """A request whose body was read and parsed here. FastAPI calls ``body()`` and ``json()``."""

    def __init__(self, request: Request, body: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._read, self._parsed = body, value

    async def body(self) -> bytes:
        """Return the bytes of the body."""
        return self._read

    async def json(self) -> Any:
        """Return the parsed body."""
        return self._parsed
