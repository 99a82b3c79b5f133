"""The audiences that read a dataset."""

from __future__ import annotations

import httpx

from app.services.platform.platform import Platform
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_audience
from tests.integration.api_extensions.supply import computed
from tests.integration.api_extensions.test_datasets import SALES, create, put

QUERY = "SELECT household_id AS profile_id FROM Sales"


async def test_the_audiences_that_name_a_dataset_with_the_time_of_reading(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant
) -> None:
    dataset = (await create(api))["id"]
    await put(api, dataset, SALES)
    other = (await create(api, "sales_2"))["id"]
    audience = await create_audience(platform, tenant.space_id, query=QUERY)
    await create_audience(platform, tenant.space_id)
    users = f"datasets/{dataset}/audiences"
    found = (await api.get(users)).json()["data"]["audiences"]
    assert found == [{"audienceId": audience, "audienceName": "Buyers", "readAt": None}]
    run = await api.post(f"audiences/{audience}/runs", json={})
    await computed(platform, tenant, run)
    [found] = (await api.get(users)).json()["data"]["audiences"]
    assert found["readAt"] is not None
    assert (await api.get(f"datasets/{other}/audiences")).json()["data"]["audiences"] == []
    assert (await api.get("datasets/dst_other/audiences")).status_code == 404
