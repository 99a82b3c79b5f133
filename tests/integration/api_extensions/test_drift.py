"""Drift: a list that was changed at the partner is compared, repaired, and taken over by a new activation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services.platform.platform import Platform
from tests.flow import Flow, installation, worker

LIST = "AbCdEf"


@dataclass
class Desk:
    flow: Flow
    api: httpx.AsyncClient
    klaviyo: KlaviyoEmulator
    sandbox: Sandbox

    async def activate(self, **options: Any) -> str:
        return await self.flow.activate(
            idSyncGiven=True, connectionSettings={"list_id": LIST}, **options
        )

    async def call(self, method: str, activation: str, rest: str, body: Any) -> dict[str, Any]:
        path = f"audiences/{self.flow.audience_id}/activations/{activation}{rest}"
        response = await self.api.request(method, path, json=body)
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    async def drift(self, activation: str, **body: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await self.call("POST", activation, "/holdings/drift", body))[
            "drift"
        ]
        return found

    def emails(self) -> set[str]:
        return {member["email"] for member in self.klaviyo.members(LIST) or []}

    def put(self, *emails: str) -> None:
        """Add members at the partner."""
        for email in emails:
            profile, _ = self.klaviyo.account.upsert({"email": email})
            self.klaviyo.account.lists[LIST].members[profile.id] = None

    def take(self, *emails: str) -> None:
        """Remove members at the partner."""
        for email in emails:
            profile = self.klaviyo.account.find("email", email)
            assert profile is not None
            self.klaviyo.account.lists[LIST].members.pop(profile.id)


@pytest.fixture
async def desk(platform: Platform, client: httpx.AsyncClient) -> AsyncIterator[Desk]:
    klaviyo = KlaviyoEmulator(job_seconds=0.05)
    klaviyo.account.new_list("VIP", LIST)
    async with installation(platform) as flow, Sandbox([klaviyo]) as sandbox:
        settings = {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        await flow.use_account("klaviyo", settings)
        await flow.sign_in(client)
        async with worker(platform):
            yield Desk(flow, client, klaviyo, sandbox)


def address(number: int) -> str:
    return f"p{number}@example.com"


@pytest.mark.walk
async def test_what_is_missing_extra_and_foreign_is_told_apart_and_only_ours_is_repaired(
    desk: Desk,
) -> None:
    activation = await desk.activate(resync=True)
    await desk.flow.members(range(150))
    await desk.flow.quiet(activation)
    await desk.flow.members(range(140))
    await desk.flow.quiet(activation)
    clean = await desk.drift(activation)
    counts = [clean[kind]["count"] for kind in ("missing", "extra", "foreign")]
    assert (clean["there"], clean["held"], counts) == (140, 140, [0, 0, 0])

    desk.take(address(3), address(4))
    desk.put(address(145), "Stranger@Example.com")  # 145 was ours and has exited
    found = await desk.drift(activation)
    assert [found[kind]["count"] for kind in ("missing", "extra", "foreign")] == [2, 1, 1]
    assert [one["key"] for one in found["missing"]["samples"]] == [address(3), address(4)]
    assert found["extra"]["samples"] == [
        {"keyType": "email", "key": address(145), "profileId": "p145"}
    ]
    stranger = found["foreign"]["samples"][0]
    assert stranger["identifiers"]["email"].lower() == "stranger@example.com"
    assert len(await desk.flow.syncs(activation)) == 3 - 1  # a comparison sends nothing

    assert (await desk.drift(activation, repair=True))["repaired"] is True
    await desk.call("POST", activation, "/syncs", {})
    sync = await desk.flow.quiet(activation)
    assert (sync.entered, sync.exited, sync.delivered) == (2, 1, 3)
    assert {email.lower() for email in desk.emails()} == {
        *map(address, range(140)),
        "stranger@example.com",
    }
    again = await desk.drift(activation)
    assert [again[kind]["count"] for kind in ("missing", "extra", "foreign")] == [0, 0, 1]
    assert (await desk.flow.activation(activation)).held == 140


@pytest.mark.walk
async def test_a_repeated_repair_gets_the_first_answer(desk: Desk) -> None:
    activation = await desk.activate(resync=True)
    await desk.flow.members(range(3))
    await desk.flow.quiet(activation)
    desk.take(address(1))
    path = f"audiences/{desk.flow.audience_id}/activations/{activation}/holdings/drift"
    first, again = [
        await desk.api.post(path, json={"repair": True}, headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]
    assert first.json()["data"]["drift"]["missing"]["count"] == 1
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")


@pytest.mark.walk
async def test_addresses_that_come_back_in_other_letters_are_no_drift(desk: Desk) -> None:
    await desk.flow.members(range(40))
    activation = await desk.activate(resync=True)
    await desk.flow.quiet(activation)
    desk.sandbox.faults.add({"kind": "reformat"})
    found = await desk.drift(activation)
    assert [found[kind]["count"] for kind in ("missing", "extra", "foreign")] == [0, 0, 0]
    await desk.flow.members(range(5, 40))
    await desk.flow.quiet(activation)
    assert desk.emails() == set(map(address, range(5, 40)))


@pytest.mark.walk
async def test_a_list_of_another_product_is_taken_over_without_sending_everybody(
    desk: Desk,
) -> None:
    desk.put(*map(address, range(50)), "foreign@example.com")
    await desk.flow.members(range(10, 60))
    activation = await desk.activate()
    await desk.flow.quiet(activation)
    seeded = await desk.call("PUT", activation, "/holdings", {"from": "partner"})
    assert seeded["holdings"] == {"held": 40, "assumed": 40}
    await desk.call("POST", activation, "/syncs", {})
    sync = await desk.flow.quiet(activation)
    assert (sync.entered, sync.exited) == (10, 0)
    await desk.flow.members(range(12, 60))
    sync = await desk.flow.quiet(activation)
    assert (sync.entered, sync.exited) == (0, 2)
    # Members that were never wanted stay, and so do all profiles.
    left = {*map(address, range(10)), *map(address, range(12, 60)), "foreign@example.com"}
    assert desk.emails() == left
    assert desk.klaviyo.stats()["violations"] == 0


async def test_a_destination_that_does_not_tell_is_a_conflict(desk: Desk) -> None:
    activation = await desk.activate(enabled=False)
    await desk.flow.use_account("file-download", {})
    path = f"audiences/{desk.flow.audience_id}/activations/{activation}/holdings"
    answer = await desk.api.post(f"{path}/drift", json={})
    assert answer.status_code == 409, answer.text
    assert (await desk.api.put(path, json={"from": "partner"})).status_code == 409
    assert (await desk.api.put(path, json={"from": "elsewhere"})).status_code == 422


@pytest.mark.walk
async def test_a_partner_that_refuses_or_is_away_says_so(desk: Desk) -> None:
    await desk.flow.members(range(3))
    activation = await desk.activate()
    await desk.flow.quiet(activation)
    path = f"audiences/{desk.flow.audience_id}/activations/{activation}/holdings/drift"
    desk.klaviyo.keys.clear()
    refused = await desk.api.post(path, json={"repair": True})
    assert refused.status_code == 409
    assert "invalid or revoked" in refused.json()["errors"][0]["message"]
