"""Destinations of an audience: added, listed, changed and removed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import Tenant
from tests.integration.api.scene import Scene, create_activation, create_destination, create_scene


@pytest.fixture
async def scene(api: httpx.AsyncClient, tenant: Tenant) -> Scene:
    return await create_scene(api, tenant)


class TestAdd:
    async def test_the_effective_list_is_always_answered(
        self, api: httpx.AsyncClient, scene: Scene, tenant: Tenant
    ) -> None:
        given: dict[str, Any]
        for given in (
            {},
            {"idSyncConfiguration": []},
            {"idSyncConfiguration": None, "connectionSettings": None},
        ):
            destination = await create_destination(api, tenant)
            answer = await api.post(
                scene.connections,
                json={"destination": {"id": destination, "type": "destination"}, **given},
            )
            data = answer.json()["data"]
            assert data["idSyncConfiguration"] == [
                {"externalId": "email", "strategy": "all"},
                {"externalId": "user_id", "strategy": "all"},
            ]
            assert data["connection"]["id"].startswith("ii_")
            assert "connectionSettings" not in data

    @pytest.mark.parametrize(
        ("fields", "status", "field"),
        [
            ({"destination": {"type": "destination"}}, 422, "destination.id"),
            ({"destination": {"id": 1, "type": "destination"}}, 422, "destination.id"),
            ({"destination": {"id": "x", "type": "car"}}, 422, "destination.type"),
            ({"destination": {"id": "x", "type": "warehouse"}}, 422, "destination.type"),
            ({"destination": {"id": "unknown", "type": "destination"}}, 404, None),
            (
                {"idSyncConfiguration": [{"externalId": "email", "strategy": "best"}]},
                422,
                "idSyncConfiguration.0.strategy",
            ),
            (
                {"idSyncConfiguration": [{"externalId": "e", "strategy": "last"}] * 6},
                422,
                "idSyncConfiguration",
            ),
            ({"connectionSettings": []}, 422, "connectionSettings"),
        ],
    )
    async def test_faults(
        self,
        api: httpx.AsyncClient,
        scene: Scene,
        tenant: Tenant,
        fields: dict[str, Any],
        status: int,
        field: str | None,
    ) -> None:
        body = {
            "destination": {"id": await create_destination(api, tenant), "type": "destination"},
            **fields,
        }
        answer = await api.post(scene.connections, json=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["errors"][0].get("field") == field

    async def test_the_same_one_twice_is_409(self, api: httpx.AsyncClient, scene: Scene) -> None:
        answer = await api.post(
            scene.connections,
            json={"destination": {"id": scene.destination_id, "type": "destination"}},
        )
        assert answer.status_code == 409


class TestList:
    async def test_says_what_is_behind(self, api: httpx.AsyncClient, scene: Scene) -> None:
        data = (await api.get(scene.connections)).json()["data"]
        (connection,) = data["connections"]
        assert connection["id"] == scene.connection_id
        assert connection["destinationId"] == scene.destination_id
        assert connection["settings"] == {}
        assert connection["enabled"] is True
        assert connection["metadata"]["slug"] == "webhook"
        assert data["pagination"]["totalEntries"] == 1


class TestUpdate:
    async def test_replaces_as_a_whole(self, api: httpx.AsyncClient, scene: Scene) -> None:
        path = f"{scene.connections}/{scene.connection_id}"
        first = [{"externalId": "email", "strategy": "last", "mapTo": "Email_c"}]
        await api.patch(
            path, json={"idSyncConfiguration": first, "connectionSettings": {"extras": {"a": 1}}}
        )
        second = [{"externalId": "email", "strategy": "last"}]
        answer = await api.patch(
            path, json={"idSyncConfiguration": second, "connectionSettings": {}}
        )
        assert answer.json() == {
            "data": {
                "destination": {"id": scene.connection_id},
                "idSyncConfiguration": second,
                "connectionSettings": {"extras": {"a": 1}},
            }
        }

    async def test_takes_the_account_id_too(self, api: httpx.AsyncClient, scene: Scene) -> None:
        answer = await api.patch(
            f"{scene.connections}/{scene.destination_id}",
            json={"idSyncConfiguration": [{"externalId": "email", "strategy": "all"}]},
        )
        assert answer.json()["data"]["destination"]["id"] == scene.destination_id

    async def test_of_nothing_is_400(self, api: httpx.AsyncClient, scene: Scene) -> None:
        body: dict[str, Any]
        for body in (
            {},
            {"idSyncConfiguration": []},
            {"connectionSettings": {}},
            {"connectionSettings": None},
        ):
            answer = await api.patch(f"{scene.connections}/{scene.connection_id}", json=body)
            assert answer.status_code == 400, body

    async def test_renews_the_activations(self, api: httpx.AsyncClient, scene: Scene) -> None:
        await create_activation(api, scene, enabled=True)
        answer = await api.patch(
            f"{scene.connections}/{scene.connection_id}",
            json={"idSyncConfiguration": [{"externalId": "email", "strategy": "all"}]},
        )
        assert answer.status_code == 200


class TestRemove:
    async def test_is_409_while_an_activation_hangs_on_it(
        self, api: httpx.AsyncClient, scene: Scene
    ) -> None:
        activation = await create_activation(api, scene)
        path = f"{scene.connections}/{scene.connection_id}"
        assert (await api.delete(path)).status_code == 409
        await api.delete(f"{scene.activations}/{activation['id']}")
        assert (await api.delete(path)).json() == {"data": {"status": "SUCCESS"}}
        assert (await api.delete(path)).status_code == 404
        assert (await api.delete(scene.audience)).json() == {"data": {"status": "SUCCESS"}}
        assert (await api.get(scene.audience)).status_code == 404

    async def test_an_audience_in_use_is_409(self, api: httpx.AsyncClient, scene: Scene) -> None:
        answer = await api.delete(scene.audience)
        assert answer.status_code == 409
        assert scene.connection_id in answer.json()["errors"][0]["message"]
