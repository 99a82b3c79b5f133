"""Repeated requests under an Idempotency-Key."""

from __future__ import annotations

import httpx


class TestIdempotency:
    async def test_a_repeat_gets_the_first_answer(self, api: httpx.AsyncClient) -> None:
        headers = {"Idempotency-Key": "once"}
        first = await api.post("/spaces", json={"name": "Once"}, headers=headers)
        again = await api.post("/spaces", json={"name": "Once"}, headers=headers)
        assert first.status_code == again.status_code == 200
        assert again.content == first.content
        assert again.headers["idempotent-replayed"] == "true"
        assert len((await api.get("/spaces")).json()["data"]["spaces"]) == 2

    async def test_another_body_is_422(self, api: httpx.AsyncClient) -> None:
        headers = {"Idempotency-Key": "once"}
        await api.post("/spaces", json={"name": "Once"}, headers=headers)
        answer = await api.post("/spaces", json={"name": "Twice"}, headers=headers)
        assert answer.status_code == 422

    async def test_a_failure_is_not_kept(self, api: httpx.AsyncClient) -> None:
        headers = {"Idempotency-Key": "retry"}
        assert (await api.post("/spaces", json={}, headers=headers)).status_code == 422
        assert (await api.post("/spaces", json={"name": "R"}, headers=headers)).status_code == 200
