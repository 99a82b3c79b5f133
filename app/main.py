"""The FastAPI application: routers, error handlers and the platform are assembled here only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.api.docs import OPENAPI_FILES, explorer_router, openapi_document
from app.api.edge import (
    ApiRouter,
    Entrances,
    Gate,
    RateLimiter,
    health_router,
    install_error_handlers,
)
from app.api.extensions import router as extensions
from app.api.routes import router as segment
from app.console import Desk, console_router
from app.core.config import Settings
from app.services.platform import Platform, WorkerWatch, open_platform
from app.services.tenancy import Authenticator


def create_app(settings: Settings, *, platform: Platform | None = None) -> FastAPI:
    """Create the API. It opens and closes a platform with the application, unless one is given."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened = platform or await open_platform(settings)
        if platform is None:
            _equip(app, settings, opened)
        gate: Gate = app.state.gate
        await gate.limiter.open()
        watch = asyncio.create_task(WorkerWatch(opened).run())
        try:
            yield
        finally:
            watch.cancel()
            await gate.limiter.close()
            if platform is None:
                await opened.close()

    app = FastAPI(
        title="Audience Activations",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    router = ApiRouter(lifespan=lifespan)
    for part in (segment, extensions, health_router, explorer_router, console_router):
        router.take(part)
    app.router = router
    install_error_handlers(app)
    app.state.known_spaces = {}
    app.state.entrances = Entrances()
    app.state.documents = {}
    if platform is not None:
        _equip(app, settings, platform)
    return app


def _equip(app: FastAPI, settings: Settings, platform: Platform) -> None:
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    app.state.platform = platform
    authenticator = Authenticator(platform.hot, platform.keyring, settings.token_cache)
    limiter = RateLimiter(settings, redis_url)
    app.state.gate = Gate(authenticator, limiter, settings.max_body_bytes)
    app.state.console = Desk(authenticator, limiter.wrong_token)


def openapi_documents(settings: Settings) -> dict[str, dict[str, object]]:
    """Return the OpenAPI documents as ``{file name: document}``, equal to the files in ``openapi/``."""
    router = create_app(settings).router
    assert isinstance(router, ApiRouter)  # noqa: S101  create_app sets it
    return {name: openapi_document(router.operations, view) for name, view in OPENAPI_FILES.items()}
