"""A workspace with a token, and a client that uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from app.core import clock
from app.core.ids import new_id
from app.main import create_app
from app.services.platform.platform import Platform
from app.services.tenancy import tokens
from app.storage.models import Space, Workspace


@dataclass(frozen=True)
class Tenant:
    """A workspace, its space, and a token that may do everything."""

    workspace_id: str
    space_id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """The Authorization header."""
        return {"Authorization": f"Bearer {self.token}"}


async def create_tenant(platform: Platform, *, scopes: tuple[str, ...] = tokens.SCOPES) -> Tenant:
    """Create a workspace with a space and a token."""
    async with platform.unit_of_work() as session:
        workspace = Workspace(id=new_id("ws"), slug=new_id("w").lower(), name="Workspace")
        session.add(workspace)
        await session.flush()
        space = Space(id=new_id("spa"), workspace_id=workspace.id, slug="prod", name="Production")
        session.add(space)
        _, text = await tokens.create_token(
            session,
            keyring=platform.keyring,
            workspace_id=workspace.id,
            name="test",
            scopes=scopes,
            now=clock.now(),
        )
        return Tenant(workspace.id, space.id, text)


@pytest.fixture
async def tenant(platform: Platform) -> Tenant:
    """The workspace under test."""
    return await create_tenant(platform)


@pytest.fixture
async def application(platform: Platform) -> FastAPI:
    """The application, with limits off."""
    return create_app(
        platform.settings.model_copy(update={"rate_limits": "off"}), platform=platform
    )


@pytest.fixture
async def api(application: FastAPI, tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the tenant's token."""
    transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://service", headers=tenant.headers
    ) as opened:
        yield opened
