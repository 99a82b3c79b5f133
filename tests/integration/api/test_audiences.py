"""Audiences, their schedules, previews and references, spaces and the audit trail."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.services.audiences import previews
from app.services.platform.platform import Platform
from tests.integration.api.conftest import Tenant
from tests.integration.api.scene import SQL, create_audience, create_scene


class TestCreate:
    async def test_answers_the_short_form(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        answer = await api.post(
            f"/spaces/{tenant.space_id}/audiences",
            json={
                "name": "Büyers of 2026!",
                "definition": {"query": SQL, "targetEntity": None},
                "audienceType": "USERS",
                "options": {"includeHistoricalData": True},
            },
        )
        audience = answer.json()["data"]["audience"]
        assert audience["key"] == "buyers_of_2026"
        assert audience["enabled"] is True
        assert audience["definition"] == {"query": SQL}
        assert audience["status"] == "Not Computing"
        assert audience["options"] == {"includeHistoricalData": True}
        assert audience["createdBy"].startswith("public-api-token/")
        assert "computeCadence" not in audience

    async def test_keys_are_unique(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        for name in ("Same", "same", "SAME", "日本", "中国"):
            await create_audience(api, tenant, name=name)
        listed = (await api.get(f"/spaces/{tenant.space_id}/audiences")).json()["data"]["audiences"]
        assert [audience["key"] for audience in listed] == [
            "same",
            "same_2",
            "same_3",
            "audience",
            "audience_2",
        ]

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"definition": {"query": "event('Purchased').count() >= 1"}}, "definition.query"),
            ({"definition": {"query": "DROP TABLE x"}}, "definition.query"),
            ({"definition": {"query": "SELECT now() AS profile_id"}}, "definition.query"),
            ({"definition": {"query": "SELECT 1; SELECT 2"}}, "definition.query"),
            ({"definition": {}}, "definition.query"),
            ({"definition": None}, "definition"),
            ({"audienceType": "DOGS"}, "audienceType"),
            ({"name": ""}, "name"),
            ({"options": {"filterByExternalIds": "email"}}, "options.filterByExternalIds"),
        ],
    )
    async def test_faults(
        self, api: httpx.AsyncClient, tenant: Tenant, fields: dict[str, Any], field: str
    ) -> None:
        body = {"name": "x", "definition": {"query": ""}, "audienceType": "USERS", **fields}
        answer = await api.post(f"/spaces/{tenant.space_id}/audiences", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field


class TestReadAndUpdate:
    async def test_the_long_form(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        audience_id = await create_audience(api, tenant, options={"includeHistoricalData": False})
        path = f"/spaces/{tenant.space_id}/audiences/{audience_id}"
        audience = (await api.get(path)).json()["data"]["audience"]
        assert audience["computeCadence"] == {"type": "BATCH"}
        assert audience["options"]["filterByExternalIds"] == [
            "user_id",
            "email",
            "android.idfa",
            "ios.idfa",
        ]
        assert "size" not in audience
        assert "schedules" not in audience
        with_schedules = (await api.get(path, params={"include": "schedules"})).json()
        assert with_schedules["data"]["audience"]["schedules"] == []

    async def test_update(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        audience_id = await create_audience(api, tenant)
        path = f"/spaces/{tenant.space_id}/audiences/{audience_id}"
        answer = await api.patch(path, json={"enabled": False, "name": "New", "definition": None})
        audience = answer.json()["data"]["audience"]
        assert (audience["status"], audience["name"], audience["key"]) == (
            "Disabled",
            "New",
            "buyers",
        )
        assert (await api.patch(path, json={})).status_code == 200
        assert (await api.patch(path, json={"definition": {"query": "nope"}})).status_code == 422
        assert (await api.post(f"{path}/runs")).status_code == 409

    async def test_search(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        for name in ("Alpha 100%", "Beta", "Alphabet"):
            await create_audience(api, tenant, name=name)
        path = f"/spaces/{tenant.space_id}/audiences"
        for query, names in (
            ('search={"type": "NAME", "query": "alpha"}', ["Alpha 100%", "Alphabet"]),
            ("search[type]=KEY&search[query]=beta", ["Beta"]),
            ("search.type=NAME&search.query=%25", ["Alpha 100%"]),
            ("search[type]=DEFINITION&search[query]=ada@", ["Alpha 100%", "Beta", "Alphabet"]),
        ):
            found = (await api.get(f"{path}?{query}")).json()["data"]
            assert [audience["name"] for audience in found["audiences"]] == names, query
        assert (await api.get(f"{path}?search[type]=WORD&search[query]=x")).status_code == 422


class TestRuns:
    async def test_forced(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        path = f"/spaces/{tenant.space_id}/audiences/{await create_audience(api, tenant)}"
        for body in (None, {}, {"asOf": "2026-01-31T12:00:00Z", "makeCurrent": True}):
            answer = (
                await api.post(f"{path}/runs", json=body)
                if body is not None
                else await api.post(f"{path}/runs")
            )
            assert answer.json()["data"]["run"]["id"].startswith("run_"), answer.text
        assert (await api.post(f"{path}/runs", json={"asOf": "soon"})).status_code == 422
        audience = (await api.get(path)).json()["data"]["audience"]
        assert audience["status"] == "Preparing"

    async def test_supplied_members_are_409(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        audience_id = await create_audience(api, tenant, definition={"query": ""})
        answer = await api.post(f"/spaces/{tenant.space_id}/audiences/{audience_id}/runs")
        assert answer.status_code == 409


class TestSchedules:
    async def test_their_life(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        audience_id = await create_audience(api, tenant)
        path = f"/spaces/{tenant.space_id}/audiences/{audience_id}/schedules"
        hourly = {"strategy": "PERIODIC", "config": {"interval": "1h"}}
        made = (await api.post(path, json=hourly)).json()["data"]["audienceSchedule"]
        assert made["config"] == {"interval": "1h"}
        assert made["nextExecution"].endswith(":00:00.000Z")
        one = f"{path}/{made['id']}"
        daily = {"days": [1], "hours": [5], "timezone": "Europe/Berlin"}
        answer = await api.patch(one, json={"strategy": "SPECIFIC_DAYS", "config": daily})
        assert answer.json()["data"]["audienceSchedule"]["config"] == daily
        assert len((await api.get(path)).json()["data"]["audienceSchedules"]) == 1
        assert (await api.get(one)).json()["data"]["audienceSchedule"][
            "strategy"
        ] == "SPECIFIC_DAYS"
        bad: dict[str, Any] | None
        for bad in ({"interval": "7m"}, {"days": []}, None):
            answer = await api.post(path, json={"strategy": "PERIODIC", "config": bad})
            assert answer.status_code == 422
        assert (await api.delete(one)).json() == {"data": {"status": "SUCCESS"}}
        assert (await api.get(one)).status_code == 404


class TestPreviews:
    async def test_completed(
        self, api: httpx.AsyncClient, tenant: Tenant, platform: Platform
    ) -> None:
        path = f"/spaces/{tenant.space_id}/audiences/previews"
        query = "SELECT 'p' || i AS profile_id FROM range(250) t(i)"
        answer = await api.post(
            path, json={"definition": {"query": query}, "audienceType": "USERS"}
        )
        preview_id = answer.json()["data"]["audiencePreview"]["id"]
        running = (await api.get(f"{path}/{preview_id}")).json()["data"]["audiencePreview"]
        assert running == {
            "id": preview_id,
            "audienceType": "USERS",
            "definition": {"query": query},
            "options": {},
            "status": "RUNNING",
        }
        assert await previews.compute_preview(platform, tenant.space_id, preview_id)
        assert not await previews.compute_preview(platform, tenant.space_id, preview_id)
        done = (await api.get(f"{path}/{preview_id}")).json()["data"]["audiencePreview"]
        assert done["status"] == "COMPLETED"
        assert done["size"] == {"type": "USERS", "count": 250}
        assert len(done["results"]) == 100

    async def test_failed(self, api: httpx.AsyncClient, tenant: Tenant, platform: Platform) -> None:
        path = f"/spaces/{tenant.space_id}/audiences/previews"
        body = {"definition": {"query": "SELECT email FROM nowhere"}, "audienceType": "USERS"}
        preview_id = (await api.post(path, json=body)).json()["data"]["audiencePreview"]["id"]
        await previews.compute_preview(platform, tenant.space_id, preview_id)
        done = (await api.get(f"{path}/{preview_id}")).json()["data"]["audiencePreview"]
        assert done["status"] == "FAILED"
        assert "nowhere" in done["failureReason"]


class TestReferences:
    async def test_nobody(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        scene = await create_scene(api, tenant)
        answer = await api.get(
            f"{scene.audience}/audience-references?sort[field]=NAME&sort[direction]=DESC"
        )
        assert answer.json()["data"]["audiences"] == []
        assert answer.json()["data"]["pagination"]["current"]


class TestAuditTrail:
    async def test_who_did_what(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        scene = await create_scene(api, tenant)
        await api.get(scene.connections)
        await api.get(f"{scene.space}/audienceType/USERS/supported-destinations")
        events = (await api.get("/audit-events")).json()["data"]["events"]
        assert [event["type"] for event in events] == [
            "Supported Destinations Listed For Audience",
            "Destinations Listed from Audience",
            "Destination Added into Audience",
            "Destination Created",
            "Audience Created",
        ]
        assert events[2]["resourceId"] == scene.connection_id
        assert events[2]["actor"].startswith("public-api-token/")
        only = await api.get(
            "/audit-events", params={"resourceId": scene.audience_id, "resourceType": "audience"}
        )
        assert len(only.json()["data"]["events"]) == 2
        since = await api.get("/audit-events", params={"startTime": events[1]["timestamp"]})
        assert len(since.json()["data"]["events"]) in (1, 2, 3)
        assert (await api.get("/audit-events?startTime=yesterday")).status_code == 422
        page = (await api.get("/audit-events?pagination[count]=2")).json()["data"]
        more = await api.get(
            "/audit-events",
            params={"pagination.count": 2, "pagination.cursor": page["pagination"]["next"]},
        )
        assert [event["id"] for event in [*page["events"], *more.json()["data"]["events"]]] == [
            event["id"] for event in events[:4]
        ]
