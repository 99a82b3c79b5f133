from __future__ import annotations

import gzip
from typing import Any

import httpx
import pytest

from app.services.platform.platform import Platform
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_audience
from tests.integration.api_extensions.test_members import CSV, NDJSON, PARQUET, parquet

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


class TestContent:
    async def test_finds_types_over_the_whole_file_and_keeps_ids_text(
        self, api: httpx.AsyncClient
    ) -> None:
        made = await create(api)
        response = await put(api, made["id"], SALES)
        assert response.status_code == 200, response.text
        dataset = response.json()["data"]["dataset"]
        types = {column["name"]: column["type"] for column in dataset["columns"]}
        assert types["household_id"] == "VARCHAR"
        assert types["sku"] == "VARCHAR"
        assert types["amount"].startswith("DECIMAL")
        assert types["paid_on"] == "DATE"
        assert types["at"] == "TIMESTAMP"
        assert types["club"] == "BOOLEAN"
        assert dataset["rows"] == 2
        assert dataset["bytes"] > 0
        again = (await api.get(f"datasets/{made['id']}")).json()["data"]["dataset"]
        assert again == dataset

    @pytest.mark.parametrize(
        ("content", "headers"),
        [
            (gzip.compress(SALES, mtime=0), {**CSV, "Content-Encoding": "gzip"}),
            (b'{"a":1,"b":"x"}\n{"a":2}\n', NDJSON),
            (parquet(a=[1, 2], b=["x", None]), PARQUET),
        ],
    )
    async def test_takes_all_formats(
        self, api: httpx.AsyncClient, content: bytes, headers: dict[str, str]
    ) -> None:
        made = await create(api)
        response = await put(api, made["id"], content, headers)
        assert response.status_code == 200, response.text
        assert response.json()["data"]["dataset"]["rows"] == 2

    @pytest.mark.parametrize(
        ("content", "headers", "said"),
        [
            (b"", CSV, "empty"),
            (b"a,b\n1,2\n3\n", CSV, "Line 3"),
            (b"a\n\xff\n", CSV, "UTF-8"),
            (b'{"a":1}\n{"a"', NDJSON, "Line 2"),
            (b"PAR1", PARQUET, "Parquet"),
            (gzip.compress(SALES, mtime=0)[:-9], {**CSV, "Content-Encoding": "gzip"}, "cut"),
        ],
    )
    async def test_bad_content_leaves_the_old(
        self,
        api: httpx.AsyncClient,
        platform: Platform,
        content: bytes,
        headers: dict[str, str],
        said: str,
    ) -> None:
        made = await create(api)
        before = (await put(api, made["id"], SALES)).json()
        response = await put(api, made["id"], content, headers)
        assert response.status_code == 422, response.text
        assert said in response.json()["errors"][0]["message"]
        after = (await api.get(f"datasets/{made['id']}")).json()
        assert after == before
        keys = [key async for key, _, _ in platform.objects.list("spaces")]
        assert len(keys) == 1

    async def test_replaces_the_old(self, api: httpx.AsyncClient) -> None:
        made = await create(api)
        await put(api, made["id"], SALES)
        dataset = (await put(api, made["id"], b"x\n1\n2\n3\n")).json()["data"]["dataset"]
        assert dataset["rows"] == 3
        assert [column["name"] for column in dataset["columns"]] == ["x"]

    async def test_no_connection_is_held_while_the_upload_comes_in(
        self, api: httpx.AsyncClient, platform: Platform
    ) -> None:
        made = await create(api)
        seen: list[int] = []

        async def stream() -> Any:
            yield b"a\n"
            seen.append(platform.database.engine.pool.checkedout())  # type: ignore[attr-defined]  # a QueuePool
            yield b"1\n"

        response = await api.put(f"datasets/{made['id']}/content", content=stream(), headers=CSV)
        assert response.status_code == 200
        assert seen == [0]

    async def test_another_type_is_415(self, api: httpx.AsyncClient) -> None:
        made = await create(api)
        assert (await put(api, made["id"], b"{}", {"Content-Type": "application/json"})).status_code == 415  # fmt: skip


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
