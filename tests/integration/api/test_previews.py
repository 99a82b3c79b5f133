"""Previews of a definition: computed by a worker, read over the API."""

from __future__ import annotations

from typing import Any

import httpx

from app.services.audiences import previews
from app.services.platform.platform import Platform
from tests.integration.api.conftest import Tenant


class TestPreviews:
    async def test_completed(
        self, api: httpx.AsyncClient, tenant: Tenant, platform: Platform
    ) -> None:
        path = f"/spaces/{tenant.space_id}/audiences/previews"
        query = """SELECT 'p' || i AS profile_id, 'p' || i || '@x.io' AS email, i * 0.1 AS score,
            {'zip': '0' || i} AS address FROM range(250) t(i)"""
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
        rows = (await api.get(f"{path}/{preview_id}/rows")).json()["data"]
        assert rows["status"] == "COMPLETED"
        assert [row["id"] for row in rows["rows"]] == [one["id"] for one in done["results"]]
        assert rows["rows"][1] == {
            "id": "p1",
            "profileId": "p1",
            "identifiers": {"email": ["p1@x.io"]},
            "traits": {"score": 0.1, "address": {"zip": "01"}},
            "entities": {},
        }

    async def test_failed(self, api: httpx.AsyncClient, tenant: Tenant, platform: Platform) -> None:
        path = f"/spaces/{tenant.space_id}/audiences/previews"
        body = {
            "definition": {
                "query": "SELECT CAST(CAST('nowhere' AS INTEGER) AS VARCHAR) AS profile_id"
            },
            "audienceType": "USERS",
        }
        preview_id = (await api.post(path, json=body)).json()["data"]["audiencePreview"]["id"]
        await previews.compute_preview(platform, tenant.space_id, preview_id)
        done = (await api.get(f"{path}/{preview_id}")).json()["data"]["audiencePreview"]
        assert done["status"] == "FAILED"
        assert "nowhere" in done["failureReason"]
        rows = (await api.get(f"{path}/{preview_id}/rows")).json()["data"]
        assert rows == {"status": "FAILED", "rows": []}

    async def test_values_that_a_row_cannot_hold_are_replaced(
        self, api: httpx.AsyncClient, tenant: Tenant, platform: Platform
    ) -> None:
        path = f"/spaces/{tenant.space_id}/audiences/previews"

        async def done(query: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
            body = {"definition": {"query": query}, "audienceType": "USERS"}
            created = await api.post(path, json=body)
            preview_id = created.json()["data"]["audiencePreview"]["id"]
            assert await previews.compute_preview(platform, tenant.space_id, preview_id)
            found = (await api.get(f"{path}/{preview_id}")).json()["data"]["audiencePreview"]
            rows = (await api.get(f"{path}/{preview_id}/rows")).json()["data"]["rows"]
            return found, rows

        found, rows = await done(
            "SELECT 'p1' AS profile_id, 'a' || chr(0) || 'b' AS plan, 'NaN'::DOUBLE AS score, {'x': [chr(0)]} AS more"
        )
        assert found["status"] == "COMPLETED", found
        assert rows[0]["traits"]["plan"] == "a\ufffdb"
        assert rows[0]["traits"]["more"] == {"x": ["\ufffd"]}
        found, _ = await done("SELECT CAST(chr(0) || 'no' AS INTEGER)::VARCHAR AS profile_id")
        assert found["status"] == "FAILED"
        assert "no" in found["failureReason"]
