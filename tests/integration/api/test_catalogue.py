"""The catalogue of destinations that an audience can be sent to."""

from __future__ import annotations

import httpx

from tests.integration.api.conftest import Tenant


class TestSupported:
    async def test_is_an_object_by_slug(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        path = f"/spaces/{tenant.space_id}/audienceType/USERS/supported-destinations"
        found = (await api.get(path)).json()["data"]["destinations"]
        webhook = found["webhook"]
        assert webhook["type"] == "destination"
        assert webhook["actions"][0]["fields"][0]["fieldKey"] == "url"
        only = (await api.get(path, params={"slug": "webhook"})).json()["data"]["destinations"]
        assert only == {"webhook": webhook}
        for query in ({"slug": "nothing"}, {"actionId": "nothing"}):
            assert (await api.get(path, params=query)).json() == {"data": {"destinations": {}}}

    async def test_an_unknown_type_is_422(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        answer = await api.get(
            f"/spaces/{tenant.space_id}/audienceType/DOGS/supported-destinations"
        )
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "audienceType"
