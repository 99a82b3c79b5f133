"""The content of a dataset: formats, types, and what a bad upload changes."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import pytest

from app.services.platform.platform import Platform
from tests.integration.api_extensions.supply import CSV, NDJSON, PARQUET, parquet
from tests.integration.api_extensions.test_datasets import SALES, create, put


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
        report = {column["name"]: column for column in dataset["reading"]["columns"]}
        assert report["sku"] == {
            "name": "sku",
            "role": "column",
            "identifier": None,
            "type": "VARCHAR",
            "reason": "Its name suggests ids or codes, which stay text.",
            "conversion": None,
        }
        assert dataset["reading"]["dialect"]["delimiter"] == ","
        listed = (await api.get("datasets")).json()["data"]["datasets"]
        assert listed[0]["reading"] is None, "a list has no reports"
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

    async def test_the_delimiter_of_the_content_before_is_tried_first(
        self, api: httpx.AsyncClient
    ) -> None:
        made = await create(api)
        both = b"a;b,c\n1;2,3\n"
        assert (await put(api, made["id"], both)).status_code == 422
        assert (await put(api, made["id"], b"a;b\n1;2\n")).status_code == 200
        dataset = (await put(api, made["id"], both)).json()["data"]["dataset"]
        assert [column["name"] for column in dataset["columns"]] == ["a", "b,c"]
        path = f"datasets/{made['id']}/content"
        response = await api.put(path, content=both, headers=CSV, params={"delimiter": "comma"})
        columns = response.json()["data"]["dataset"]["columns"]
        assert [column["name"] for column in columns] == ["a;b", "c"]
