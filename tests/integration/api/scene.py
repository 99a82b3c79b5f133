"""A tenant with an audience, an account, a connection and an activation, created through the API if that is possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from app.services.platform.platform import Platform
from app.storage.models import Activation, ActivationRevision
from tests.integration.api.conftest import Tenant

SQL = "SELECT 'p1' AS profile_id, 'ada@example.com' AS email"


@dataclass(frozen=True)
class Scene:
    """Ids of the resources, and their paths."""

    tenant: Tenant
    audience_id: str
    destination_id: str
    connection_id: str

    @property
    def space(self) -> str:
        """The path of the space."""
        return f"/spaces/{self.tenant.space_id}"

    @property
    def audience(self) -> str:
        """The path of the audience."""
        return f"{self.space}/audiences/{self.audience_id}"

    @property
    def connections(self) -> str:
        """The path of its connections."""
        return f"{self.audience}/destination-connections"

    @property
    def activations(self) -> str:
        """The path of its activations."""
        return f"{self.audience}/activations"

    @property
    def new_activations(self) -> str:
        """The path for creating activations."""
        return f"{self.connections}/{self.connection_id}/activations"


async def create_audience(api: httpx.AsyncClient, tenant: Tenant, **fields: Any) -> str:
    """Create an audience. Returns its id."""
    body = {
        "name": "Buyers",
        "definition": {"query": SQL},
        "audienceType": "USERS",
        **fields,
    }
    answer = await api.post(f"/spaces/{tenant.space_id}/audiences", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["audience"]["id"])


async def create_destination(api: httpx.AsyncClient, tenant: Tenant, slug: str = "webhook") -> str:
    """Create an account. Returns its id."""
    answer = await api.post(
        f"/spaces/{tenant.space_id}/destinations",
        json={"slug": slug, "name": "Receiver", "settings": {"url": "http://127.0.0.1:9/in"}},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["destination"]["id"])


async def connect(
    api: httpx.AsyncClient, tenant: Tenant, audience_id: str, destination_id: str
) -> str:
    """Create a connection. Returns its id."""
    answer = await api.post(
        f"/spaces/{tenant.space_id}/audiences/{audience_id}/destination-connections",
        json={"destination": {"id": destination_id, "type": "destination"}},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["connection"]["id"])


async def create_scene(api: httpx.AsyncClient, tenant: Tenant, **audience: Any) -> Scene:
    """Create an audience, an account and a connection."""
    audience_id = await create_audience(api, tenant, **audience)
    destination_id = await create_destination(api, tenant)
    connection_id = await connect(api, tenant, audience_id, destination_id)
    return Scene(tenant, audience_id, destination_id, connection_id)


async def create_activation(api: httpx.AsyncClient, scene: Scene, **fields: Any) -> dict[str, Any]:
    """Create an activation. Returns it as the API does."""
    body = {
        "performResync": False,
        "activationType": "Audience Membership Changed",
        "activationName": "Spring buyers",
        **fields,
    }
    answer = await api.post(scene.new_activations, json=body)
    assert answer.status_code == 200, answer.text
    activation: dict[str, Any] = answer.json()["data"]["activation"]
    return activation


async def store(platform: Platform, scene: Scene, activation: dict[str, Any], **parts: Any) -> None:
    """Store parts of an activation's configuration that today's API refuses."""
    space_id = scene.tenant.space_id
    async with platform.unit_of_work() as session:
        row = await session.get(Activation, (space_id, activation["id"]))
        assert row is not None
        revision = await session.get(ActivationRevision, (space_id, row.revision_id))
        assert revision is not None
        revision.config = {**revision.config, **parts}
