"""Whether this process lives and is ready, and its figures; outside the contract, without a token."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.services.platform import Platform, check_readiness


async def live(request: Request) -> Response:
    """200 as long as the process answers at all."""
    return JSONResponse({"status": "live"})


async def ready(request: Request) -> Response:
    """200 where the database answers and is migrated; Redis is named, but its absence is survived."""
    platform: Platform = request.app.state.platform
    found = await check_readiness(platform)
    return JSONResponse(found.to_json(), 200 if found.ready else 503)


async def metrics(request: Request) -> Response:
    """The process's figures as Prometheus reads them."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


health_router = APIRouter(
    routes=[
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", metrics),
    ]
)
