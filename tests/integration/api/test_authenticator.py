"""API tokens: missing, wrong, and without a scope."""

from __future__ import annotations

import httpx

from app.services.platform.platform import Platform
from tests.integration.api.conftest import Tenant, create_tenant


class TestTokens:
    async def test_none_is_401_in_the_envelope(self, api: httpx.AsyncClient) -> None:
        answer = await api.get("/spaces", headers={"Authorization": ""})
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["type"] == "unauthorized"
        assert answer.headers["www-authenticate"] == "Bearer"

    async def test_wrong_ones_are_401(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        flipped = tenant.token[:-1] + ("a" if tenant.token[-1] != "a" else "b")
        for wrong in ("x", flipped, tenant.token + "0", "aact_live_" + "0" * 62, "é" * 20):
            answer = await api.get(
                "/spaces", headers={b"Authorization": f"Bearer {wrong}".encode()}
            )
            assert answer.status_code == 401, wrong

    async def test_a_scope_that_is_lacking_is_403(
        self, api: httpx.AsyncClient, platform: Platform
    ) -> None:
        reader = await create_tenant(platform, scopes=("read",))
        assert (await api.get("/spaces", headers=reader.headers)).status_code == 200
        answer = await api.post("/spaces", json={"name": "x"}, headers=reader.headers)
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["type"] == "forbidden"
