"""Observation of requests: a correlation id for log lines and the response, and a histogram of durations."""

from __future__ import annotations

import time

from fastapi import Request
from fastapi.routing import APIRoute
from prometheus_client import Histogram
from starlette.types import Message, Receive, Scope, Send

from app.api.edge.entrances import PLACE, Entrance, Place
from app.api.edge.errors import app_error
from app.core.errors import Unavailable
from app.core.logging import correlation_id, log_context

_HEADER = b"x-request-id"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

SECONDS = Histogram(
    "activations_request_seconds",
    "Duration of requests in seconds, by operation and status.",
    ("operation", "status"),
    buckets=_BUCKETS,
)


async def observe(
    route: APIRoute, entrance: Entrance, scope: Scope, receive: Receive, send: Send
) -> None:
    """Run an operation. Its log lines and the response header ``X-Request-Id`` carry one correlation id."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    identity = correlation_id(headers.get(_HEADER, b"").decode("latin-1"))
    began = time.perf_counter()
    status = 500  # the framework sends 500 if the operation ends without a response
    place = scope[PLACE] = Place(entrance, headers.get(b"authorization"))

    async def passing(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            if any(name == b"content-length" for name, _ in message["headers"]):
                place.give_back()  # the response is whole: a client that reads slowly takes up no place
            message["headers"] = [*message["headers"], (_HEADER, identity.encode())]
        await send(message)

    try:
        await place.take()
    except Unavailable as error:
        await (await app_error(Request(scope), error))(scope, receive, passing)
        SECONDS.labels(route.operation_id, status).observe(time.perf_counter() - began)
        return
    with log_context(correlation_id=identity):
        try:
            await route.app(scope, receive, passing)
        finally:
            place.give_back()
            SECONDS.labels(route.operation_id, status).observe(time.perf_counter() - began)
