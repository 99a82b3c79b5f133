"""Activations: creation, validation, updates and removal."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.services.platform.platform import Platform
from tests.integration.api.conftest import Tenant
from tests.integration.api.scene import Scene, create_activation, create_scene, store

MAPPING: dict[str, Any] = {
    "actionId": "webhook-send",
    "settings": {"data": {"@path": "$.traits.plan"}, "method": "PUT", "x": None, "n": 3.5},
}


@pytest.fixture
async def scene(api: httpx.AsyncClient, tenant: Tenant) -> Scene:
    return await create_scene(api, tenant)


async def patch(
    api: httpx.AsyncClient, scene: Scene, activation: dict[str, Any], body: Any
) -> dict[str, Any]:
    answer = await api.patch(f"{scene.activations}/{activation['id']}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]["activation"]
    read = await api.get(f"{scene.activations}/{activation['id']}")
    assert read.json()["data"]["activation"] == found
    return found


class TestAdd:
    async def test_the_least(self, api: httpx.AsyncClient, scene: Scene) -> None:
        activation = await create_activation(api, scene)
        assert activation == {
            "id": activation["id"],
            "enabled": False,
            "workspaceId": scene.tenant.workspace_id,
            "spaceId": scene.tenant.space_id,
            "audienceId": scene.audience_id,
            "connectionId": scene.connection_id,
            "activationType": "Audience Membership Changed",
            "activationName": "Spring buyers",
            "personalization": {"profile": {"properties": []}},
            "performResync": False,
        }
        assert activation["id"].startswith("act_")

    async def test_settings_come_back_as_they_came(
        self, api: httpx.AsyncClient, scene: Scene
    ) -> None:
        odd = {
            **MAPPING,
            "settings": {**MAPPING["settings"], "big": 10**30, "deep": {"a": [None, 1.0, True]}},
        }
        activation = await create_activation(api, scene, destinationMapping=odd)
        assert activation["destinationMapping"] == odd
        read = await api.get(f"{scene.activations}/{activation['id']}")
        assert read.json()["data"]["activation"]["destinationMapping"] == odd
        assert f'"big":{10**30}' in read.text.replace(" ", "")

    @pytest.mark.parametrize(
        ("fields", "status", "field"),
        [
            ({"activationType": "Audience Left"}, 422, "activationType"),
            ({"activationType": None}, 422, "activationType"),
            ({"performResync": "yes"}, 422, "performResync"),
            ({"performResync": 1}, 422, "performResync"),
            ({"enabled": 0}, 422, "enabled"),
            ({"activationName": ""}, 422, "activationName"),
            ({"displayName": "Orders"}, 400, "displayName"),
            (
                {"personalization": {"profile": {"properties": [None]}}},
                422,
                "personalization.profile.properties.0",
            ),
            (
                {"personalization": {"profile": {"mapping": {"a": None}}}},
                422,
                "personalization.profile.mapping.a",
            ),
            (
                {"personalization": {"entities": [{"properties": [], "relationshipSlug": "x"}]}},
                400,
                "personalization.entities",
            ),
            ({"destinationMapping": {"settings": {}}}, 422, "destinationMapping.actionId"),
            ({"destinationMapping": {"actionId": "nope"}}, 422, "destinationMapping.actionId"),
            (
                {
                    "destinationMapping": {
                        "actionId": "webhook-send",
                        "settings": {"url": {"@path": "$.x"}},
                    }
                },
                422,
                "/destinationMapping/settings/url",
            ),
            (
                {
                    "destinationMapping": {
                        "actionId": "webhook-send",
                        "settings": {"method": "DELETE"},
                    }
                },
                422,
                "/destinationMapping/settings/method",
            ),
            (
                {
                    "destinationMapping": {
                        "actionId": "webhook-send",
                        "settings": {"data": {"@nope": 1}},
                    }
                },
                422,
                "/destinationMapping/settings/data",
            ),
            (
                {
                    "activationType": "Audience Entered",
                    "personalization": {"syncEntityPropertyChanges": True},
                },
                422,
                "personalization.syncEntityPropertyChanges",
            ),
        ],
    )
    async def test_faults(
        self, api: httpx.AsyncClient, scene: Scene, fields: dict[str, Any], status: int, field: str
    ) -> None:
        body = {
            "performResync": False,
            "activationType": "Audience Membership Changed",
            "activationName": "x",
            **fields,
        }
        answer = await api.post(scene.new_activations, json=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["errors"][0]["field"] == field

    async def test_a_connection_of_another_audience_is_404(
        self, api: httpx.AsyncClient, scene: Scene, tenant: Tenant
    ) -> None:
        other = await create_scene(api, tenant, name="Other")
        answer = await api.post(
            f"{scene.connections}/{other.connection_id}/activations",
            json={"performResync": False, "activationType": "All Events", "activationName": "x"},
        )
        assert answer.status_code == 404

    async def test_linked_audiences_take_entities(
        self, api: httpx.AsyncClient, tenant: Tenant
    ) -> None:
        query = "SELECT 'e1' AS entity_id, 'p1' AS profile_id"
        scene = await create_scene(api, tenant, audienceType="LINKED", definition={"query": query})
        entities = [{"properties": ["ID"], "relationshipSlug": "owned-accounts"}]
        activation = await create_activation(api, scene, personalization={"entities": entities})
        assert activation["personalization"] == {
            "profile": {"properties": []},
            "entities": entities,
        }
        emptied = await patch(api, scene, activation, {"personalization": {"entities": []}})
        assert emptied["personalization"] == {"profile": {"properties": []}}


class TestUpdate:
    async def test_of_nothing_changes_nothing(self, api: httpx.AsyncClient, scene: Scene) -> None:
        activation = await create_activation(api, scene, destinationMapping=MAPPING)
        assert await patch(api, scene, activation, {}) == activation
        assert (
            await patch(api, scene, activation, {"activationName": "", "workspaceId": "x"})
            == activation
        )
        nulls = dict.fromkeys(
            ("enabled", "activationName", "personalization", "destinationMapping")
        )
        assert await patch(api, scene, activation, nulls) == activation

    async def test_plain_fields(self, api: httpx.AsyncClient, scene: Scene) -> None:
        activation = await create_activation(api, scene)
        changed = await patch(
            api,
            scene,
            activation,
            {"enabled": True, "activationName": "New", "activationType": "Audience Exited"},
        )
        assert changed == {**activation, "enabled": True, "activationName": "New"}

    async def test_a_profile_is_replaced_outright(
        self, api: httpx.AsyncClient, scene: Scene
    ) -> None:
        activation = await create_activation(
            api,
            scene,
            personalization={"profile": {"properties": ["plan"], "mapping": {"plan": "p"}}},
        )
        changed = await patch(
            api, scene, activation, {"personalization": {"profile": {"properties": ["city"]}}}
        )
        assert changed["personalization"] == {"profile": {"properties": ["city"]}}
        kept = await patch(
            api, scene, activation, {"personalization": {"syncEntityPropertyChanges": True}}
        )
        assert kept["personalization"] == {
            "profile": {"properties": ["city"]},
            "syncEntityPropertyChanges": True,
        }

    async def test_settings_merge_by_top_level_field(
        self, api: httpx.AsyncClient, scene: Scene
    ) -> None:
        activation = await create_activation(api, scene, destinationMapping=MAPPING)
        changed = await patch(
            api,
            scene,
            activation,
            {
                "destinationMapping": {
                    "actionId": "other",
                    "settings": {"method": None, "data": {"k": 1}},
                }
            },
        )
        assert changed["destinationMapping"] == {
            "actionId": "webhook-send",
            "settings": {"data": {"k": 1}, "method": None, "x": None, "n": 3.5},
        }

    async def test_a_null_display_name_is_told(self, api: httpx.AsyncClient, scene: Scene) -> None:
        activation = await create_activation(api, scene)
        changed = await patch(api, scene, activation, {"displayName": None})
        assert changed == {**activation, "displayName": None}
        answer = await api.patch(
            f"{scene.activations}/{activation['id']}", json={"displayName": "x"}
        )
        assert answer.status_code == 400

    async def test_a_resync_is_pending_until_it_is_done(
        self, api: httpx.AsyncClient, scene: Scene
    ) -> None:
        activation = await create_activation(api, scene)
        assert (await patch(api, scene, activation, {"performResync": True}))[
            "performResync"
        ] is True

    async def test_a_mapped_value_that_was_stored_before_it_was_checked_stays_until_it_changes(
        self, api: httpx.AsyncClient, scene: Scene, platform: Platform
    ) -> None:
        activation = await create_activation(api, scene, destinationMapping=MAPPING)
        stale = {**MAPPING, "settings": {**MAPPING["settings"], "batch_size": "abc"}}
        await store(platform, scene, activation, destinationMapping=stale)
        profile = {"personalization": {"profile": {"properties": ["plan"]}}}
        await patch(api, scene, activation, profile)

        def mapped(**settings: Any) -> dict[str, Any]:
            return {"destinationMapping": {"actionId": "webhook-send", "settings": settings}}

        await patch(api, scene, activation, mapped(method="PATCH", batch_size="abc"))
        path = f"{scene.activations}/{activation['id']}"
        for field, wrong in (("batch_size", "xyz"), ("method", "DELETE")):
            answer = await api.patch(path, json=mapped(**{field: wrong}))
            assert answer.status_code == 422, answer.text
            (error,) = answer.json()["errors"]
            assert error["field"] == f"/destinationMapping/settings/{field}"

    async def test_a_mapping_needs_its_action(self, api: httpx.AsyncClient, scene: Scene) -> None:
        activation = await create_activation(api, scene, destinationMapping=MAPPING)
        answer = await api.patch(
            f"{scene.activations}/{activation['id']}", json={"destinationMapping": {"settings": {}}}
        )
        assert answer.status_code == 422


class TestRemove:
    async def test_twice_is_404(self, api: httpx.AsyncClient, scene: Scene) -> None:
        activation = await create_activation(api, scene)
        path = f"{scene.activations}/{activation['id']}"
        assert (await api.delete(path)).json() == {"data": {"status": "SUCCESS"}}
        assert (await api.delete(path)).status_code == 404
        assert (await api.get(path)).status_code == 404
        assert (await api.patch(path, json={})).status_code == 404
        assert (await api.get(scene.activations)).json()["data"]["activations"] == []


class TestGet:
    async def test_of_another_audience_is_404(
        self, api: httpx.AsyncClient, scene: Scene, tenant: Tenant
    ) -> None:
        activation = await create_activation(api, scene)
        other = await create_scene(api, tenant, name="Other")
        assert (await api.get(f"{other.activations}/{activation['id']}")).status_code == 404

    async def test_escaped_slashes_and_long_ids(self, api: httpx.AsyncClient, scene: Scene) -> None:
        answer = await api.get(f"{scene.activations}/act%2F1")
        assert answer.status_code == 404
        assert "no activation act/1 at" in answer.json()["errors"][0]["message"]
        assert (await api.get(f"{scene.activations}/{'x' * 255}")).status_code == 404
        assert (await api.get(f"{scene.activations}/{'x' * 256}")).status_code == 422
        assert (await api.delete(f"{scene.activations}/{'x' * 256}")).status_code == 422
