"""Audiences: creation, updates, search, forced runs and references."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

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


class TestReferences:
    async def test_nobody(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        scene = await create_scene(api, tenant)
        answer = await api.get(
            f"{scene.audience}/audience-references?sort[field]=NAME&sort[direction]=DESC"
        )
        assert answer.json()["data"]["audiences"] == []
        assert answer.json()["data"]["pagination"]["current"]
