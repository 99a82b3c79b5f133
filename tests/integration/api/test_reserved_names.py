"""Properties cannot take the names by which a destination finds a member."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.services.platform.platform import Platform
from tests.integration.api.conftest import Tenant
from tests.integration.api.scene import Scene, connect, create_activation, create_audience, store

SETTINGS = {
    "braze": {"api_key": "key", "rest_endpoint": "http://127.0.0.1:9"},
    "klaviyo": {"api_key": "pk_key", "base_url": "http://127.0.0.1:9"},
}
ARMS = [{"name": "a", "weight": 50}, {"name": "b", "weight": 50}]


async def create_scene(api: httpx.AsyncClient, tenant: Tenant, slug: str) -> Scene:
    audience_id = await create_audience(api, tenant)
    body = {"slug": slug, "name": "Partner", "settings": SETTINGS[slug]}
    made = await api.post(f"/spaces/{tenant.space_id}/destinations", json=body)
    assert made.status_code == 200, made.text
    destination_id = made.json()["data"]["destination"]["id"]
    connection_id = await connect(api, tenant, audience_id, destination_id)
    return Scene(tenant, audience_id, destination_id, connection_id)


@pytest.fixture
async def braze(api: httpx.AsyncClient, tenant: Tenant) -> Scene:
    return await create_scene(api, tenant, "braze")


async def refused(answer: httpx.Response) -> tuple[str, str]:
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    return error["field"], error["message"]


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        ({"properties": ["plan", "external_id"]}, "personalization.profile.properties.1"),
        ({"properties": ["Email"]}, "personalization.profile.properties.0"),
        ({"properties": ["_update_existing_only"]}, "personalization.profile.properties.0"),
        (
            {"properties": ["plan"], "mapping": {"plan": "braze_id"}},
            "personalization.profile.mapping.plan",
        ),
    ],
)
async def test_a_personalized_property(
    api: httpx.AsyncClient, braze: Scene, profile: dict[str, Any], field: str
) -> None:
    body = {
        "performResync": False,
        "activationType": "Audience Membership Changed",
        "activationName": "x",
        "personalization": {"profile": profile},
    }
    named, words = await refused(await api.post(braze.new_activations, json=body))
    assert named == field
    assert "another name" in words
    activation = await create_activation(api, braze)
    path = f"{braze.activations}/{activation['id']}"
    changes = {"personalization": {"profile": profile}}
    assert (await refused(await api.patch(path, json=changes)))[0] == field


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"includedAttribute": "phone"}, "includedAttribute"),
        ({"split": {"arms": ARMS, "property": "user_alias"}}, "split.property"),
    ],
)
async def test_a_property_of_the_delivery_options(
    api: httpx.AsyncClient, braze: Scene, options: dict[str, Any], field: str
) -> None:
    activation = await create_activation(api, braze)
    path = f"{braze.activations}/{activation['id']}/delivery-options"
    assert (await refused(await api.patch(path, json=options)))[0] == field


async def test_where_properties_stand_by_themselves_names_are_free(
    api: httpx.AsyncClient, tenant: Tenant, braze: Scene
) -> None:
    free = {"personalization": {"profile": {"properties": ["external_id", "email"]}}}
    event = {"actionId": "braze-track-event"}
    await create_activation(api, braze, **free, destinationMapping=event)
    await create_activation(api, await create_scene(api, tenant, "klaviyo"), **free)


async def test_a_renamed_property_is_fine(api: httpx.AsyncClient, braze: Scene) -> None:
    profile = {"properties": ["email"], "mapping": {"email": "login"}}
    await create_activation(api, braze, personalization={"profile": profile})


async def test_a_mapped_property(api: httpx.AsyncClient, braze: Scene) -> None:
    mapped = {"email": {"@path": "$.traits.mail"}, "plan": "gold"}
    mapping = {"actionId": "braze-update-user-profile", "settings": {"custom_attributes": mapped}}
    activation = await create_activation(api, braze, destinationMapping=mapping)
    path = f"{braze.activations}/{activation['id']}"
    change = {**mapping, "settings": {"custom_attributes": {**mapped, "external_id": "x"}}}
    named, words = await refused(await api.patch(path, json={"destinationMapping": change}))
    assert named == "/destinationMapping/settings/custom_attributes/external_id"
    assert "map the field external_id of the action" in words


async def test_what_was_stored_before_stays_where_other_properties_go(
    api: httpx.AsyncClient, braze: Scene, platform: Platform
) -> None:
    activation = await create_activation(api, braze)
    profile = {"profile": {"properties": ["plan", "email"]}}
    await store(platform, braze, activation, personalization=profile)
    path = f"{braze.activations}/{activation['id']}"

    async def change(*names: str) -> httpx.Response:
        body = {"personalization": {"profile": {"properties": list(names)}}}
        return await api.patch(path, json=body)

    assert (await change("Email")).status_code == 200
    named, _ = await refused(await change("email", "phone"))
    assert named == "personalization.profile.properties.1"
