"""Liveness, readiness and metrics of this process, and the number of live workers. They need no token and are not part of the API contract."""

from __future__ import annotations

import math

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, Info, generate_latest
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.core.version import VERSION
from app.services.platform import Platform, check_readiness, count_workers, oldest_due

_WORKERS = Gauge("activations_workers", "Live workers; NaN while the database does not respond.")
_OLDEST_DUE = Gauge(
    "activations_oldest_due_seconds",
    "For how long the oldest due run, plan or batch has waited for a worker.",
)

BUILD = Info("activations_build", "Version of the service.")
BUILD.info({"version": VERSION})


async def live(request: Request) -> Response:
    """Return 200 while the process can respond."""
    return JSONResponse({"status": "live", "version": VERSION})


async def ready(request: Request) -> Response:
    """Return 200 if database and object store can be used, else 503. Redis and workers are reported, but are not required."""
    platform: Platform = request.app.state.platform
    found = await check_readiness(platform)
    return JSONResponse(found.to_json(), 200 if found.ready else 503)


async def metrics(request: Request) -> Response:
    """Return the metrics of the process, and those of all workers, in the format of Prometheus."""
    platform: Platform = request.app.state.platform
    workers, due = await count_workers(platform), await oldest_due(platform)
    _WORKERS.set(math.nan if workers is None else workers)
    _OLDEST_DUE.set(math.nan if due is None else due)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


health_router = APIRouter(
    routes=[
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", metrics),
    ]
)
