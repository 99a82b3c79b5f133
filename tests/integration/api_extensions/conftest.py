"""Two workspaces with a space and tokens each, and a client of the first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from app.core import clock
from app.core.ids import new_id
from app.services.platform.platform import Platform
from app.services.tenancy import tokens
from app.storage.models import Space, Workspace
from tests.flow import installation
from tests.integration.api_extensions.desk import Desk
from tests.integration.api_extensions.factories import create_audience
from tests.stepping import stepped


@dataclass(frozen=True)
class Tenant:
    """A workspace with its space and tokens."""

    workspace_id: str
    space_id: str
    token: str
    reader: str  # a token that may only read


async def create_tenant(platform: Platform, slug: str) -> Tenant:
    """Create a workspace with one space and two tokens."""
    workspace_id, space_id = new_id("wsp"), new_id("spa")
    async with platform.unit_of_work() as session:
        session.add(Workspace(id=workspace_id, slug=slug, name=slug))
        await session.flush()
        session.add(Space(id=space_id, workspace_id=workspace_id, slug="main", name="Main"))
        made = [
            await tokens.create_token(
                session,
                keyring=platform.keyring,
                workspace_id=workspace_id,
                name="test",
                scopes=scopes,
                now=clock.now(),
            )
            for scopes in (("read", "write"), ("read",))
        ]
    return Tenant(workspace_id, space_id, made[0][1], made[1][1])


@pytest.fixture
async def tenant(platform: Platform) -> Tenant:
    """The workspace whose token the client sends."""
    return await create_tenant(platform, "ours")


@pytest.fixture
async def stranger(platform: Platform) -> Tenant:
    """Another workspace."""
    return await create_tenant(platform, "theirs")


@pytest.fixture
async def api(client: httpx.AsyncClient, tenant: Tenant) -> httpx.AsyncClient:
    """A client with the tenant's token, below its space."""
    client.headers["Authorization"] = f"Bearer {tenant.token}"
    client.base_url = httpx.URL(f"http://service/spaces/{tenant.space_id}/")
    return client


@pytest.fixture
async def desk(platform: Platform, client: httpx.AsyncClient) -> AsyncIterator[Desk]:
    """An installation with a receiver, where what is due is done when the test waits for it."""
    async with installation(platform) as flow:
        await flow.sign_in(client)
        yield Desk(stepped(flow), client)


@pytest.fixture
async def audience(platform: Platform, tenant: Tenant) -> str:
    """An audience whose members are supplied."""
    return await create_audience(platform, tenant.space_id)
