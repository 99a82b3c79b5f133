"""Checks of saved audiences, and the number of warnings in the responses that save them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.services.platform.platform import Platform
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.supply import PARQUET, parquet, supply
from tests.integration.api_extensions.test_datasets import create, put

HEADER = "X-Activations-Warnings"
SALES = parquet(household_id=["h1", "h2"], amount=[10, 7], weight=[0.1, 0.2])
LAST = "SELECT household_id AS profile_id, last(amount) AS amount FROM sales GROUP BY household_id"
MOST = "SELECT household_id AS profile_id, max(amount) AS amount FROM sales GROUP BY household_id"
BY_WEIGHT = (
    "SELECT household_id AS profile_id FROM sales GROUP BY household_id HAVING sum(weight) > 1"
)


async def save(
    api: httpx.AsyncClient, query: str, method: str = "POST", path: str = "audiences"
) -> httpx.Response:
    body: dict[str, Any] = {"definition": {"query": query}}
    if method == "POST":
        body |= {"name": "Buyers", "audienceType": "USERS"}
    answer = await api.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    return answer


async def warnings(api: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await api.get(f"{path}/checks")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["warnings"]
    return found


@pytest.mark.walk
async def test_a_definition_that_depends_on_the_order_of_rows(api: httpx.AsyncClient) -> None:
    await put(api, (await create(api, name="sales"))["id"], SALES, PARQUET)
    made = await save(api, LAST)
    assert made.headers[HEADER] == "1"
    path = f"audiences/{made.json()['data']['audience']['id']}"
    (found,) = await warnings(api, path)
    assert found["code"] == "order_dependent"
    assert found["field"] == "definition.query"
    assert "Repeatable: max(amount)" in found["message"]
    better = await save(api, MOST, "PATCH", path)
    assert better.headers[HEADER] == "0"
    assert await warnings(api, path) == []
    # The type of a column comes from the dataset: a sum of doubles that decides who is a member.
    worse = await save(api, BY_WEIGHT, "PATCH", path)
    assert worse.headers[HEADER] == "1"
    assert "floating-point" in (await warnings(api, path))[0]["message"]
    supplied = await save(api, "", "PATCH", path)
    assert supplied.headers[HEADER] == "0"


async def test_schedules_of_a_disabled_audience(api: httpx.AsyncClient) -> None:
    await put(api, (await create(api, name="sales"))["id"], SALES, PARQUET)
    made = await save(api, MOST)
    path = f"audiences/{made.json()['data']['audience']['id']}"
    hourly = {"strategy": "PERIODIC", "config": {"interval": "1h"}}
    assert (await api.post(f"{path}/schedules", json=hourly)).status_code == 200
    assert await warnings(api, path) == []
    disabled = await api.patch(path, json={"enabled": False})
    assert disabled.headers[HEADER] == "1"
    (found,) = await warnings(api, path)
    assert (found["code"], found["field"]) == ("option_without_effect", "enabled")
    assert "none of its schedules computes it" in found["message"]


async def test_of_another_tenant_are_not_found(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
) -> None:
    await supply(api, platform, tenant, audience, b"profile_id\np1\n")
    assert await warnings(api, f"audiences/{audience}") == []
    assert (await api.get("audiences/aud_other/checks")).status_code == 404
