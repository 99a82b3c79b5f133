"""Members of an audience: pages, single members, and what is stored of an upload."""

from __future__ import annotations

from typing import Any

import httpx
from sqlalchemy import func, select

from app.services.platform.platform import Platform
from app.storage.models import Audience, AuditEvent, Dataset
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_audience
from tests.integration.api_extensions.supply import (
    PEOPLE,
    lines,
    member,
    supply,
)


class TestPage:
    async def test_walks_one_snapshot_whatever_comes_meanwhile(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        ids = ["a,b", "é", "ü/x", "zz", "😀"]
        await supply(api, platform, tenant, audience, b"profile_id\n" + lines(ids))
        seen: list[str] = []
        params: dict[str, Any] = {"pagination[count]": 2}
        while True:
            data = (await api.get(f"audiences/{audience}/members", params=params)).json()["data"]
            seen += [row["id"] for row in data["members"]]
            assert data["pagination"]["totalEntries"] == 5
            if not data["pagination"].get("next"):
                break
            if len(seen) == 2:
                await supply(api, platform, tenant, audience, b"profile_id\nnew\n")
            params["pagination[cursor]"] = data["pagination"]["next"]
        assert sorted(seen) == sorted(ids)
        fresh = (await api.get(f"audiences/{audience}/members")).json()["data"]
        assert [row["id"] for row in fresh["members"]] == ["new"]

    async def test_an_audience_that_was_never_computed_has_no_page(
        self, api: httpx.AsyncClient, audience: str
    ) -> None:
        data = (await api.get(f"audiences/{audience}/members")).json()["data"]
        assert data["members"] == []
        assert data["snapshotId"] is None

    async def test_a_cursor_of_another_audience_is_refused(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, b"profile_id\na\nb\n")
        data = (await api.get(f"audiences/{audience}/members?pagination[count]=1")).json()["data"]
        other = await create_audience(platform, tenant.space_id)
        response = await api.get(
            f"audiences/{other}/members",
            params={"pagination[count]": 1, "pagination[cursor]": data["pagination"]["next"]},
        )
        assert response.status_code == 422


class TestFind:
    async def test_says_since_which_snapshot(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        for content in (b"p1\np2", b"p2", b"p1\np2", b"p1\np2\np3"):
            await supply(api, platform, tenant, audience, b"profile_id\n" + content + b"\n")
        snapshots = (await api.get(f"audiences/{audience}/snapshots")).json()["data"]["snapshots"]
        by_version = {row["version"]: row["id"] for row in snapshots}
        one, two = await member(api, audience, "p1"), await member(api, audience, "p2")
        assert one["sinceSnapshotId"] == by_version[3]
        assert two["sinceSnapshotId"] == by_version[1]
        assert one["sinceIsExact"] is True
        assert one["snapshotId"] == by_version[4]

    async def test_a_stranger_is_not_in(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        assert (await member(api, audience, "p1"))["snapshotId"] is None
        await supply(api, platform, tenant, audience, PEOPLE)
        found = await member(api, audience, "nobody'; --")
        assert found["member"] is False
        assert found["row"] is None
        assert found["snapshotId"]


class TestStorage:
    async def test_an_upload_leaves_one_object_and_no_dataset(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, PEOPLE)
        keys = [key async for key, _, _ in platform.objects.list(f"spaces/{tenant.space_id}")]
        assert len(keys) == 1
        async with platform.unit_of_work() as session:
            assert await session.scalar(select(func.count()).select_from(Dataset)) == 0
            row = (await session.scalars(select(Audience))).one()
            assert row.current_snapshot_id is not None
            event = (await session.scalars(select(AuditEvent))).one()
            assert (event.type, event.resource_id) == ("Audience Members Supplied", audience)


class TestTypes:
    async def test_a_changed_type_is_reported(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, b"profile_id,plz\na,10115\nb,20095\n")
        answer = await api.put(
            f"audiences/{audience}/members",
            content=b"profile_id,plz\na,10115\nb,20095\nc,01067\n",
            headers={"content-type": "text/csv"},
        )
        run = answer.json()["data"]["run"]
        assert run["typeChanges"] == [{"trait": "plz", "before": "BIGINT", "after": "VARCHAR"}]
        shown = (await api.get(f"audiences/{audience}/runs/{run['id']}")).json()["data"]["run"]
        assert shown["typeChanges"] == run["typeChanges"]
