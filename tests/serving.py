"""The service in this process, behind real HTTP: what it does, without the seconds that four new processes take."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI

from app.demo.service import Service
from app.embedded.http_server import make_server
from app.embedded.up import keep_token
from app.main import create_app
from app.services.platform.platform import Platform
from app.services.tenancy import bootstrap_service
from tests.flow import eventually, worker


@contextlib.asynccontextmanager
async def listening(application: FastAPI) -> AsyncIterator[str]:
    """The product's HTTP server on the loopback; its URL."""
    server = make_server(application, shutdown_seconds=5)
    server.config.host, server.config.port = "127.0.0.1", 0
    task = asyncio.create_task(_serve(server))
    try:
        await eventually(lambda: server.started or task.done(), every=0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


async def _serve(server: uvicorn.Server) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await server.serve()


@contextlib.asynccontextmanager
async def service_here(platform: Platform) -> AsyncIterator[Service]:
    """The API and a worker, with what a first start creates."""
    settings = platform.settings
    made = await bootstrap_service(settings)
    token_file = keep_token(settings.data_dir, made.token)
    assert token_file is not None
    async with worker(platform), listening(create_app(settings, platform=platform)) as url:
        yield Service(
            url=url,
            space_id=made.space_id,
            token_file=token_file,
            data_dir=settings.data_dir,
            log=settings.data_dir / "service.log",
            pids={},
        )
