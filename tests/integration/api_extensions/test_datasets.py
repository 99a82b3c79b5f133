"""Datasets with uploaded content: created, listed and removed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.services.platform.platform import Platform
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_audience
from tests.integration.api_extensions.supply import CSV

SALES = (
    b"household_id,sku,amount,paid_on,at,club\n"
    b"1,00001,3.50,2026-01-02,2026-01-02T10:00:00,true\n"
    b"2,00002,10,2026-01-03,2026-01-03T11:30:00,false\n"
)


async def create(api: httpx.AsyncClient, name: str = "sales") -> dict[str, Any]:
    response = await api.post("datasets", json={"name": name, "kind": "upload"})
    assert response.status_code == 200, response.text
    dataset: dict[str, Any] = response.json()["data"]["dataset"]
    return dataset


async def put(
    api: httpx.AsyncClient, dataset_id: str, content: bytes, headers: dict[str, str] = CSV
) -> httpx.Response:
    return await api.put(f"datasets/{dataset_id}/content", content=content, headers=headers)


class TestCreate:
    async def test_is_empty_until_its_content_is_put(self, api: httpx.AsyncClient) -> None:
        made = await create(api)
        assert (made["name"], made["kind"], made["rows"], made["columns"]) == (
            "sales",
            "upload",
            None,
            [],
        )

    async def test_a_taken_name_is_a_conflict_whatever_its_case(
        self, api: httpx.AsyncClient
    ) -> None:
        await create(api)
        response = await api.post("datasets", json={"name": "SALES", "kind": "upload"})
        assert response.status_code == 409

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"kind": "upload"}, "name"),
            ({"name": "two words", "kind": "upload"}, "name"),
            ({"name": "1st", "kind": "upload"}, "name"),
            ({"name": 'a"; DROP', "kind": "upload"}, "name"),
            ({"name": "x" * 64, "kind": "upload"}, "name"),
            ({"name": "sales", "kind": "database"}, "kind"),
            ({"name": "sales", "kind": "upload", "rows": 5}, "rows"),
        ],
    )
    async def test_names_the_field_at_fault(
        self, api: httpx.AsyncClient, body: dict[str, Any], field: str
    ) -> None:
        response = await api.post("datasets", json=body)
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == field


class TestDelete:
    async def test_removes(self, api: httpx.AsyncClient) -> None:
        made = await create(api)
        assert (await api.delete(f"datasets/{made['id']}")).json() == {
            "data": {"status": "SUCCESS"}
        }
        assert (await api.get(f"datasets/{made['id']}")).status_code == 404

    async def test_named_by_a_definition_is_a_conflict(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        made, other = await create(api), await create(api, "sale")
        audience = await create_audience(
            platform, tenant.space_id, query="SELECT household_id AS profile_id FROM Sales"
        )
        response = await api.delete(f"datasets/{made['id']}")
        assert response.status_code == 409
        assert audience in response.json()["errors"][0]["message"]
        # That query contains the name of the other dataset only as part of a word.
        assert (await api.delete(f"datasets/{other['id']}")).status_code == 200


class TestList:
    async def test_pages(self, api: httpx.AsyncClient) -> None:
        made = [(await create(api, f"d{number}"))["id"] for number in range(3)]
        data = (await api.get("datasets?pagination.count=2")).json()["data"]
        rest = (
            await api.get(
                "datasets",
                params={"pagination.count": 2, "pagination.cursor": data["pagination"]["next"]},
            )
        ).json()["data"]
        assert [row["id"] for row in data["datasets"] + rest["datasets"]] == made
        back = (
            await api.get(
                "datasets",
                params={"pagination.count": 2, "pagination.cursor": rest["pagination"]["previous"]},
            )
        ).json()["data"]
        assert [row["id"] for row in back["datasets"]] == made[:2]
