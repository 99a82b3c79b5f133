"""Observation of requests: a correlation id for log lines and the response, and a histogram of durations."""

from __future__ import annotations

import time

from fastapi.routing import APIRoute
from prometheus_client import Histogram
from starlette.types import Message, Receive, Scope, Send

from app.core.logging import correlation_id, log_context

_HEADER = b"x-request-id"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

SECONDS = Histogram(
    "activations_request_seconds",
    "Duration of requests in seconds, by operation and status.",
    ("operation", "status"),
    buckets=_BUCKETS,
)


async def observe(route: APIRoute, scope: Scope, receive: Receive, send: Send) -> None:
    """Run an operation. Its log lines and the response header ``X-Request-Id`` carry one correlation id."""
    sent = next((value for name, value in scope["headers"] if name == _HEADER), b"")
    identity = correlation_id(sent.decode("latin-1"))
    began = time.perf_counter()
    status = 500  # the framework sends 500 if the operation ends without a response

    async def passing(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            message["headers"] = [*message["headers"], (_HEADER, identity.encode())]
        await send(message)

    with log_context(correlation_id=identity):
        try:
            await route.app(scope, receive, passing)
        finally:
            SECONDS.labels(route.operation_id, status).observe(time.perf_counter() - began)
