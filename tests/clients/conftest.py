"""A running service with a workspace, an audience and a destination, for clients in other processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from app.core.config import Settings
from app.services.platform.platform import Platform
from tests.contract.live import api_process
from tests.integration.api.conftest import create_tenant
from tests.integration.api.scene import create_audience, create_destination


@dataclass(frozen=True)
class Service:
    """The address of a running service, and the ids of its resources."""

    url: str
    token: str
    space_id: str
    audience_id: str
    destination_id: str

    @property
    def arguments(self) -> list[str]:
        """The values as arguments of a command."""
        return [self.url, self.token, self.space_id, self.audience_id, self.destination_id]


@pytest.fixture
async def service(platform: Platform, settings: Settings) -> AsyncIterator[Service]:
    """Run an API process with the resources that an activation needs."""
    tenant = await create_tenant(platform)
    with api_process(settings) as url:
        async with httpx.AsyncClient(base_url=url, headers=tenant.headers, timeout=30) as api:
            audience_id = await create_audience(api, tenant)
            destination_id = await create_destination(api, tenant)
        yield Service(url, tenant.token, tenant.space_id, audience_id, destination_id)
