"""Schedules of an audience."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.api.conftest import Tenant
from tests.integration.api.scene import create_audience


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
