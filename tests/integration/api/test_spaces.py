"""Spaces of a workspace."""

from __future__ import annotations

import httpx
import pytest

from app.services.platform.platform import Platform
from tests.integration.api.conftest import Tenant, create_tenant


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ({"name": "Online Shop (EU)"}, "online-shop-eu"),
        ({"name": "☂"}, "space"),
        ({"name": "Shop", "slug": "eu-2"}, "eu-2"),
    ],
)
async def test_a_space_has_the_given_slug_or_one_of_its_name(
    api: httpx.AsyncClient, body: dict[str, str], slug: str
) -> None:
    answer = await api.post("/spaces", json=body)
    assert answer.status_code == 200, answer.text
    space = answer.json()["data"]["space"]
    assert (space["name"], space["slug"]) == (body["name"], slug)
    assert (await api.get(f"/spaces/{space['id']}")).json()["data"]["space"] == space


async def test_a_slug_that_does_not_fit_or_is_taken_is_refused(api: httpx.AsyncClient) -> None:
    for slug in ("Shop", "a--b", "-a", "a" * 64):
        answer = await api.post("/spaces", json={"name": "Shop", "slug": slug})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "slug"), slug
    answer = await api.post("/spaces", json={"name": "Again", "slug": "prod"})
    assert answer.status_code == 409


async def test_a_workspace_sees_only_its_own(
    api: httpx.AsyncClient, tenant: Tenant, platform: Platform
) -> None:
    stranger = await create_tenant(platform)
    listed = (await api.get("/spaces")).json()["data"]["spaces"]
    assert [space["id"] for space in listed] == [tenant.space_id]
    assert (await api.get(f"/spaces/{stranger.space_id}")).status_code == 404
