"""Concurrent requests: one succeeds, the other gets 404 or 409. No orphan rows, no 500."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import httpx
import pytest

from app.services.platform.platform import Platform
from tests.integration.api.conftest import Tenant
from tests.integration.api.scene import (
    Scene,
    create_activation,
    create_audience,
    create_destination,
    create_scene,
)

ACTIVATION = {"performResync": False, "activationType": "All Events", "activationName": "x"}
ORPHANS = {
    "activation without its connection": (
        "SELECT count(*) FROM activation a WHERE a.deleted_at IS NULL AND NOT EXISTS "
        "(SELECT 1 FROM destination_connection c WHERE c.space_id = a.space_id AND c.id = a.connection_id)"
    ),
    "activation without its revision": (
        "SELECT count(*) FROM activation a WHERE NOT EXISTS "
        "(SELECT 1 FROM activation_revision r WHERE r.space_id = a.space_id AND r.id = a.revision_id)"
    ),
}


@pytest.fixture
async def scene(api: httpx.AsyncClient, tenant: Tenant) -> Scene:
    return await create_scene(api, tenant)


@pytest.fixture(params=[5, pytest.param(40, marks=pytest.mark.chaos)])
def rounds(request: pytest.FixtureRequest) -> int:
    """Return how often two requests meet."""
    number: int = request.param
    return number


async def no_orphans(platform: Platform) -> None:
    for name, query in ORPHANS.items():
        assert await platform.hot.fetchval(query) == 0, name


def statuses(answers: Iterable[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


class TestRaces:
    async def test_the_same_destination_twice(
        self, api: httpx.AsyncClient, tenant: Tenant, platform: Platform, rounds: int
    ) -> None:
        for _ in range(rounds):
            audience = await create_audience(api, tenant)
            body = {
                "destination": {"id": await create_destination(api, tenant), "type": "destination"}
            }
            path = f"/spaces/{tenant.space_id}/audiences/{audience}/destination-connections"
            answers = await asyncio.gather(*(api.post(path, json=body) for _ in range(3)))
            assert statuses(answers) == [200, 409, 409]

    async def test_remove_destination_against_add_activation(
        self, api: httpx.AsyncClient, tenant: Tenant, platform: Platform, rounds: int
    ) -> None:
        for _ in range(rounds):
            scene = await create_scene(api, tenant)
            answers = await asyncio.gather(
                api.delete(f"{scene.connections}/{scene.connection_id}"),
                api.post(scene.new_activations, json=ACTIVATION),
            )
            assert statuses(answers) in ([200, 404], [200, 409]), [a.text for a in answers]
        await no_orphans(platform)

    async def test_update_against_remove(
        self, api: httpx.AsyncClient, scene: Scene, platform: Platform, rounds: int
    ) -> None:
        for _ in range(rounds):
            path = f"{scene.activations}/{(await create_activation(api, scene))['id']}"
            answers = await asyncio.gather(
                api.patch(path, json={"enabled": True, "performResync": True}),
                api.delete(path),
                api.patch(path, json={"activationName": "other"}),
                api.delete(path),
            )
            removed = [answers[1].status_code, answers[3].status_code]
            assert sorted(removed) == [200, 404]
            assert {answers[0].status_code, answers[2].status_code} <= {200, 404}
            assert (await api.get(path)).status_code == 404
        await no_orphans(platform)

    async def test_remove_audience_against_connect(
        self, api: httpx.AsyncClient, tenant: Tenant, platform: Platform, rounds: int
    ) -> None:
        for _ in range(rounds):
            audience = await create_audience(api, tenant)
            destination = await create_destination(api, tenant)
            path = f"/spaces/{tenant.space_id}/audiences/{audience}"
            answers = await asyncio.gather(
                api.delete(path),
                api.post(
                    f"{path}/destination-connections",
                    json={"destination": {"id": destination, "type": "destination"}},
                ),
                api.post(f"{path}/runs"),
            )
            assert answers[0].status_code in (200, 409)
            assert answers[1].status_code == (404 if answers[0].status_code == 200 else 200)
            assert answers[2].status_code in (200, 404)

    async def test_audiences_of_one_name_get_keys_of_their_own(
        self, api: httpx.AsyncClient, tenant: Tenant
    ) -> None:
        await asyncio.gather(*(create_audience(api, tenant, name="Same") for _ in range(10)))
        listed = (await api.get(f"/spaces/{tenant.space_id}/audiences")).json()["data"]["audiences"]
        assert len({audience["key"] for audience in listed}) == 10

    async def test_one_idempotency_key(self, api: httpx.AsyncClient, scene: Scene) -> None:
        headers = {"Idempotency-Key": "same"}
        answers = await asyncio.gather(
            *(api.post(scene.new_activations, json=ACTIVATION, headers=headers) for _ in range(5))
        )
        assert set(statuses(answers)) <= {200, 409}
        assert (
            await api.post(scene.new_activations, json=ACTIVATION, headers=headers)
        ).status_code == 200
        listed = (await api.get(scene.activations)).json()["data"]["activations"]
        assert len(listed) == 1
