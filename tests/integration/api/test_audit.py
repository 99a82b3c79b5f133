"""The audit trail of a workspace."""

from __future__ import annotations

import httpx

from tests.integration.api.conftest import Tenant
from tests.integration.api.scene import create_scene


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
