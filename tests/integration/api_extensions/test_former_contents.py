"""Former contents of datasets: listed, restored, and forgotten beyond five and after 30 days."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.core import clock
from app.services.datasets import forget_old_contents
from app.services.periodic.collector import collect_files
from app.services.platform.platform import Platform
from app.services.tenancy import tokens
from app.storage.repositories.collection import CollectionQueries
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.test_datasets import create, put


async def contents(api: httpx.AsyncClient, dataset: str) -> list[dict[str, Any]]:
    answer = await api.get(f"datasets/{dataset}/contents")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["contents"]
    return found


@pytest.mark.walk
async def test_the_last_five_can_be_restored(api: httpx.AsyncClient, platform: Platform) -> None:
    dataset = (await create(api))["id"]
    for number in range(7):
        rows = "".join(f"{row},x\n" for row in range(number + 1))
        assert (await put(api, dataset, f"id,name\n{rows}".encode())).status_code == 200
    kept = await contents(api, dataset)
    assert [one["rows"] for one in kept] == [6, 5, 4, 3, 2]
    assert kept[0]["columns"] == [
        {"name": "id", "type": "VARCHAR"},
        {"name": "name", "type": "VARCHAR"},
    ]
    path = f"datasets/{dataset}/contents/{kept[2]['id']}/restore"
    restored = await api.post(path)
    assert restored.status_code == 200, restored.text
    assert restored.json()["data"]["dataset"]["rows"] == 4
    # What it replaced is kept, and the restored one is not listed twice.
    assert [one["rows"] for one in await contents(api, dataset)] == [7, 6, 5, 3, 2]
    again = await api.post(path)
    assert again.status_code == 404
    assert kept[2]["id"] in again.json()["errors"][0]["message"]
    assert (await api.get("datasets/dst_other/contents")).status_code == 404


@pytest.mark.walk
async def test_files_of_kept_contents_stay_until_they_are_forgotten(
    api: httpx.AsyncClient, platform: Platform
) -> None:
    dataset = (await create(api))["id"]
    for content in (b"id\n1\n", b"id\n1\n2\n"):
        assert (await put(api, dataset, content)).status_code == 200
    settings = platform.settings.model_copy(update={"orphan_age": timedelta(0)})
    at_once = replace(platform, settings=settings)
    assert await collect_files(at_once) == 0
    async with platform.unit_of_work() as session:
        assert await forget_old_contents(session, now=clock.now() + timedelta(days=29)) == 0
        assert await forget_old_contents(session, now=clock.now() + timedelta(days=31)) == 1
    assert await collect_files(at_once) == 1
    assert await contents(api, dataset) == []
    assert (await api.get(f"datasets/{dataset}")).json()["data"]["dataset"]["rows"] == 2


async def test_a_content_that_is_restored_while_files_are_collected_is_seen(
    api: httpx.AsyncClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = (await create(api))["id"]
    for content in (b"id\n1\n", b"id\n1\n2\n"):
        assert (await put(api, dataset, content)).status_code == 200
    folder = f"/datasets/{dataset}/"
    files = {key async for key, _, _ in platform.objects.list("") if folder in key}
    assert len(files) == 2
    async with platform.unit_of_work() as session:
        read = session.scalars

        async def read_and_restore(*query: Any) -> Any:
            found = await read(*query)
            former = (await contents(api, dataset))[0]["id"]
            restored = await api.post(f"datasets/{dataset}/contents/{former}/restore")
            assert restored.status_code == 200, restored.text
            return found

        monkeypatch.setattr(session, "scalars", read_and_restore)
        assert files <= await CollectionQueries(session).named_keys()


async def test_who_uploaded_a_content_is_known_after_it_was_restored(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant
) -> None:
    dataset = (await create(api))["id"]
    async with platform.unit_of_work() as session:
        _, other = await tokens.create_token(
            session,
            keyring=platform.keyring,
            workspace_id=tenant.workspace_id,
            name="other",
            now=clock.now(),
        )
    assert (await put(api, dataset, b"id\n1\n")).status_code == 200
    headers = {"Content-Type": "text/csv", "Authorization": f"Bearer {other}"}
    assert (await put(api, dataset, b"id\n1\n2\n", headers)).status_code == 200
    first = (await contents(api, dataset))[0]
    assert (await api.post(f"datasets/{dataset}/contents/{first['id']}/restore")).status_code == 200
    second = (await contents(api, dataset))[0]
    assert second["uploadedBy"] != first["uploadedBy"]
    path = f"datasets/{dataset}/contents/{second['id']}/restore"
    assert (await api.post(path, headers=headers)).status_code == 200
    again = (await contents(api, dataset))[0]
    assert [again[name] for name in ("uploadedBy", "uploadedAt")] == [
        first[name] for name in ("uploadedBy", "uploadedAt")
    ], "not who restored it"
