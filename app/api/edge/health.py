"""Liveness, readiness and metrics of this process. They need no token and are not part of the API contract."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.services.platform import Platform, check_readiness


async def live(request: Request) -> Response:
    """Return 200 while the process can respond."""
    return JSONResponse({"status": "live"})


async def ready(request: Request) -> Response:
    """Return 200 if the database is available and migrated, else 503. Redis is reported, but is not required."""
    platform: Platform = request.app.state.platform
    found = await check_readiness(platform)
    return JSONResponse(found.to_json(), 200 if found.ready else 503)


async def metrics(request: Request) -> Response:
    """Return the metrics of the process in the format of Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


health_router = APIRouter(
    routes=[
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", metrics),
    ]
)
