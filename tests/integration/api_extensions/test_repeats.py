"""Idempotency keys of work in several transactions: test sends, drift and checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services.planning import test_sends as trials
from app.services.platform.platform import Platform
from tests.flow import Flow, installation, worker

LISTS = "/api/lists"
SAMPLE = {"profile": {"profileId": "t", "identifiers": {"email": "t@example.com"}}}


@dataclass
class Desk:
    flow: Flow
    api: httpx.AsyncClient
    activation: str

    async def post(self, path: str, body: Any, key: str = "once") -> httpx.Response:
        return await self.api.post(path, json=body, headers={"Idempotency-Key": key})

    async def send(self, body: Any = SAMPLE, key: str = "once") -> httpx.Response:
        path = f"audiences/{self.flow.audience_id}/activations/{self.activation}/test-sends"
        return await self.post(path, body, key)

    async def sent(self) -> int:
        return len([one for one in await self.flow.syncs(self.activation) if one.kind == "test"])


@pytest.fixture
async def desk(platform: Platform, client: httpx.AsyncClient) -> AsyncIterator[Desk]:
    async with installation(platform) as flow, worker(platform):
        await flow.sign_in(client)
        await flow.members(range(3))
        yield Desk(flow, client, await flow.activate(enabled=False))


class TestTestSends:
    @pytest.mark.walk
    async def test_a_repeat_gets_the_first_answer_and_sends_nothing(self, desk: Desk) -> None:
        first, again = await desk.send(), await desk.send()
        assert first.status_code == again.status_code == 200, first.text
        assert again.content == first.content
        assert again.headers["idempotent-replayed"] == "true"
        assert await desk.sent() == 1

    @pytest.mark.walk
    async def test_a_repeat_meanwhile_is_409(self, desk: Desk) -> None:
        answers = await asyncio.gather(*(desk.send() for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        assert await desk.sent() == 1

    async def test_another_body_is_422(self, desk: Desk) -> None:
        await desk.send()
        other = {"profile": {**SAMPLE["profile"], "profileId": "u"}}
        assert (await desk.send(other)).status_code == 422
        assert await desk.sent() == 1

    @pytest.mark.walk
    @pytest.mark.parametrize("refused", [{}, {"profileId": "nobody"}])
    async def test_what_was_refused_frees_its_key(self, desk: Desk, refused: Any) -> None:
        assert (await desk.send(refused)).status_code in {404, 409, 422}
        assert (await desk.send()).status_code == 200

    @pytest.mark.walk
    async def test_one_that_was_cut_off_is_not_sent_again(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def cut(*_: Any) -> Any:
            raise OSError("the database went away")

        with monkeypatch.context() as patch:
            patch.setattr(trials, "_ended", cut)
            assert (await desk.send()).status_code == 503
        again = await desk.send()
        assert again.status_code == 409
        assert "may have taken effect" in again.text
        await desk.flow.quiet(desk.activation)
        assert await desk.sent() == 1
        assert (await desk.send(key="other")).status_code == 200

    @pytest.mark.walk
    async def test_one_whose_list_may_have_been_made_does_not_make_another(
        self, desk: Desk
    ) -> None:
        emulator = KlaviyoEmulator(job_seconds=0.05)
        there = len(emulator.account.lists)
        async with Sandbox([emulator]) as sandbox:
            account = {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
            await desk.flow.use_account("klaviyo", account)
            sandbox.faults.add({"kind": "status", "status": 401, "path": LISTS, "times": 1})
            assert (await desk.send()).status_code == 409
            sandbox.faults.add({"kind": "cut", "method": "POST", "path": LISTS, "times": 1})
            assert (await desk.send()).status_code == 503
            again = await desk.send()
            assert again.status_code == 409
            assert "may have taken effect" in again.text
            assert len(emulator.account.lists) == there + 1


class TestOthers:
    @pytest.mark.walk
    async def test_checks_are_answered_once(self, desk: Desk) -> None:
        path = f"destinations/{desk.flow.destination_id}/checks"
        first, again = await desk.post(path, {}), await desk.post(path, {})
        assert first.status_code == 200, first.text
        assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")

    @pytest.mark.walk
    async def test_a_key_is_one_for_all_operations(self, desk: Desk) -> None:
        await desk.send()
        path = f"destinations/{desk.flow.destination_id}/checks"
        assert (await desk.post(path, {})).status_code == 422

    @pytest.mark.walk
    async def test_a_comparison_that_was_cut_off_frees_its_key(self, desk: Desk) -> None:
        emulator = KlaviyoEmulator()
        emulator.account.new_list("VIP", "AbCdEf")
        async with Sandbox([emulator]) as sandbox:
            account = {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
            await desk.flow.use_account("klaviyo", account)
            activation = await desk.flow.activate(
                resync=True, connectionSettings={"list_id": "AbCdEf"}
            )
            await desk.flow.quiet(activation)
            path = f"audiences/{desk.flow.audience_id}/activations/{activation}/holdings/drift"
            sandbox.faults.add({"kind": "status", "status": 500, "method": "GET"})
            assert (await desk.post(path, {})).status_code == 503
            sandbox.faults.clear()
            assert (await desk.post(path, {})).status_code == 200
