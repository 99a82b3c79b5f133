"""Changes of single members of an audience."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.services.platform.platform import Platform
from app.storage.models import MemberPatch, Run
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.supply import (
    PEOPLE,
    computed,
    member,
    scratch_files,
    supply,
)


class TestPatch:
    async def test_adds_replaces_and_removes(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, PEOPLE)
        response = await api.patch(
            f"audiences/{audience}/members",
            json={
                "add": [
                    {"profile_id": "p1", "email": ["old@example.com", "ada@example.org"]},
                    {"profile_id": "p3", "city": "Paris"},
                ],
                "remove": ["p2"],
            },
        )
        run = await computed(platform, tenant, response)
        assert run["kind"] == "patch"
        listed = (await api.get(f"audiences/{audience}/members")).json()["data"]["members"]
        assert [(row["id"], row["identifiers"], row["traits"]) for row in listed] == [
            ("p1", {"email": ["old@example.com", "ada@example.org"]}, {}),
            ("p3", {}, {"city": "Paris"}),
        ]
        assert scratch_files(platform) == []

    async def test_integers_of_any_size_are_taken(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        response = await api.patch(
            f"audiences/{audience}/members", json={"add": [{"profile_id": "p1", "points": 2**70}]}
        )
        await computed(platform, tenant, response)
        listed = (await api.get(f"audiences/{audience}/members")).json()["data"]["members"]
        assert float(listed[0]["traits"]["points"]) == 2**70

    @pytest.mark.walk
    async def test_a_column_that_becomes_text_is_reported(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, b"profile_id,card,age\np1,7,30\n")
        path, add = f"audiences/{audience}/members", {"profile_id": "p2", "card": 2**53, "age": 31}
        run = await computed(platform, tenant, await api.patch(path, json={"add": [add]}))
        shown = (await api.get(f"audiences/{audience}/runs/{run['id']}")).json()["data"]["run"]
        assert shown["typeChanges"] == [{"trait": "card", "before": "BIGINT", "after": "VARCHAR"}]
        again = await computed(platform, tenant, await api.patch(path, json={"add": [add]}))
        shown = (await api.get(f"audiences/{audience}/runs/{again['id']}")).json()["data"]["run"]
        assert shown["typeChanges"] == []  # it was text already

    async def test_patches_may_spell_names_differently(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        path = f"audiences/{audience}/members"
        await api.patch(path, json={"add": [{"profileId": "p1 ", "Email": "ada@example.org"}]})
        await api.patch(
            path,
            json={"add": [{"profile_id": "p2", "E-Mail": "bo@example.org"}, {"profile_id": "p3"}]},
        )
        last = await api.patch(path, json={"remove": [" p3"]})
        await computed(platform, tenant, last)
        listed = (await api.get(path)).json()["data"]["members"]
        assert [(row["id"], row["identifiers"]) for row in listed] == [
            ("p1", {"email": ["ada@example.org"]}),
            ("p2", {"email": ["bo@example.org"]}),
        ]

    async def test_patches_that_wait_share_a_run_and_the_last_word_counts(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        path = f"audiences/{audience}/members"
        first = await api.patch(path, json={"add": [{"profile_id": "p1"}, {"profile_id": "p2"}]})
        second = await api.patch(path, json={"remove": ["p1"]})
        assert first.json()["data"]["run"]["id"] == second.json()["data"]["run"]["id"]
        await computed(platform, tenant, second)
        assert (await member(api, audience, "p1"))["member"] is False
        assert (await member(api, audience, "p2"))["member"] is True
        async with platform.unit_of_work() as session:
            assert await session.scalar(select(func.count()).select_from(MemberPatch)) == 0

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "add"),
            ({"add": [], "remove": []}, "add"),
            ({"add": [{"profile_id": "p9"}, {"email": "x"}]}, "add.1.profile_id"),
            ({"add": [{"profile_id": 7.5}]}, "add.0.profile_id"),
            ({"add": [{"profile_id": "p9"}, {"profile_id": "p9"}]}, "add"),
            ({"add": [{"profile_id": "p9"}], "remove": ["p9"]}, "add"),
            ({"add": ["p9"]}, "add.0"),
            ({"remove": [""]}, "remove.0"),
            ({"remove": [7]}, "remove.0"),
            ({"members": []}, "members"),
        ],
    )
    async def test_names_what_is_wrong_and_keeps_nothing(
        self,
        api: httpx.AsyncClient,
        platform: Platform,
        audience: str,
        body: dict[str, Any],
        field: str,
    ) -> None:
        response = await api.patch(f"audiences/{audience}/members", json=body)
        assert response.status_code == 422, response.text
        assert response.json()["errors"][0]["field"] == field
        async with platform.unit_of_work() as session:
            for table in (MemberPatch, Run):
                assert await session.scalar(select(func.count()).select_from(table)) == 0

    async def test_a_value_that_does_not_fit_the_trait_is_refused_before_it_is_accepted(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, b"profile_id,age\np1,41\n")
        response = await api.patch(
            f"audiences/{audience}/members", json={"add": [{"profile_id": "p2", "age": "old"}]}
        )
        assert response.status_code == 422
        assert "age" in response.text


async def test_numbers_keep_every_digit_or_are_refused_by_name(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
) -> None:
    path, headers = f"audiences/{audience}/members", {"Content-Type": "application/json"}
    body = b'{"add": [{"profile_id": "p1", "big": 12345678901234567890123, "text": "0.1234567890123456789"}]}'
    await computed(platform, tenant, await api.patch(path, content=body, headers=headers))
    row = (await member(api, audience, "p1"))["row"]
    assert row["traits"] == {"big": "12345678901234567890123", "text": "0.1234567890123456789"}
    body = b'{"add": [{"profile_id": "p1"}, {"profile_id": "p2", "at": {"x": [0.1234567890123456789]}}]}'
    refused = await api.patch(path, content=body, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "add.1.at.x.0"
