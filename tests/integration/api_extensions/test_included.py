"""The attribute that carries the activation's name while a member is included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest

from app.sandbox.braze import DEFAULT_KEY, BrazeEmulator
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services.platform.platform import Platform
from tests.integration.api_extensions.test_test_sends import LIST, Desk, desk_of
from tests.stepping import stepped

NAME = "Included in Audience"


@pytest.fixture
async def desk(platform: Platform, client: httpx.AsyncClient) -> AsyncIterator[Desk]:
    async with desk_of(platform, client) as made:
        yield replace(made, flow=stepped(made.flow))


async def options(desk: Desk, activation: str, **changes: Any) -> httpx.Response:
    path = f"audiences/{desk.flow.audience_id}/activations/{activation}/delivery-options"
    return await desk.api.patch(path, json=changes)


async def include(desk: Desk, activation: str, attribute: Any = True) -> dict[str, Any]:
    response = await options(desk, activation, includedAttribute=attribute)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()["data"]["deliveryOptions"]
    return found


def sent(desk: Desk, kind: str) -> dict[str, Any]:
    """Return the last received traits of a kind of change, by profile."""
    found = {}
    for request in desk.flow.sandbox.recorder.listed("webhook", 1_000):
        for item in orjson.loads(request["body"])["data"].get(kind) or ():
            found[item["id"]] = item.get("traits")
    return found


class TestIncludedAttribute:
    @pytest.mark.walk
    async def test_travels_with_who_enters_and_is_cleared_of_who_exits(self, desk: Desk) -> None:
        activation = await desk.flow.activate(resync=True, properties=["plan"])
        shown = await include(desk, activation)
        assert shown["includedAttribute"] == NAME
        rows = [
            {"profile_id": f"p{i}", "email": f"p{i}@example.com", "plan": "gold"} for i in range(3)
        ]
        await desk.flow.upload(rows)
        await desk.flow.quiet(activation)
        told = {"plan": "gold", NAME: "Test"}
        assert sent(desk, "entered") == {"p0": told, "p1": told, "p2": told}
        await desk.flow.upload(rows[:2])
        await desk.flow.quiet(activation)
        assert sent(desk, "exited") == {"p2": {NAME: None}}

    @pytest.mark.walk
    async def test_can_have_another_name_and_be_taken_away(self, desk: Desk) -> None:
        activation = await desk.flow.activate(resync=True)
        assert (await include(desk, activation, None))["revision"] == 1
        assert (await include(desk, activation, "Campaign"))["includedAttribute"] == "Campaign"
        before = (await include(desk, activation, "Campaign"))["revision"]
        assert before == 2
        await desk.flow.members(range(1))
        await desk.flow.quiet(activation)
        assert sent(desk, "entered") == {"p0": {"Campaign": "Test"}}
        assert (await include(desk, activation, None))["includedAttribute"] is None
        await desk.flow.members(range(2))
        await desk.flow.quiet(activation)
        assert sent(desk, "entered")["p1"] in ({}, None)

    @pytest.mark.walk
    async def test_follows_the_activations_name(self, desk: Desk) -> None:
        activation = await desk.flow.activate(resync=True)
        await include(desk, activation)
        await desk.flow.members(range(1))
        await desk.flow.quiet(activation)
        path = f"audiences/{desk.flow.audience_id}/activations/{activation}"
        renamed = await desk.api.patch(path, json={"activationName": "Spring"})
        assert renamed.status_code == 200, renamed.text
        await desk.flow.members(range(2))
        await desk.flow.quiet(activation)
        # Members that were there keep the old name until a resync.
        assert sent(desk, "entered") == {"p0": {NAME: "Test"}, "p1": {NAME: "Spring"}}
        syncs = f"{path}/syncs"
        assert (await desk.api.post(syncs, json={"kind": "resync"})).status_code == 200
        await desk.flow.quiet(activation)
        assert sent(desk, "entered") == {"p0": {NAME: "Spring"}, "p1": {NAME: "Spring"}}

    @pytest.mark.walk
    async def test_is_a_property_in_klaviyo(self, desk: Desk) -> None:
        klaviyo = KlaviyoEmulator(job_seconds=0.05)
        klaviyo.account.new_list("VIP", LIST)
        async with Sandbox([klaviyo]) as sandbox:
            await desk.flow.use_account(
                "klaviyo", {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
            )
            activation = await desk.flow.activate(resync=True, connectionSettings={"list_id": LIST})
            await include(desk, activation)
            await desk.flow.members(range(2))
            await desk.flow.quiet(activation)
            found = [klaviyo.account.find("email", f"p{i}@example.com") for i in range(2)]
            assert klaviyo.stats()["violations"] == 0
        assert [one and one.attributes["properties"] for one in found] == [{NAME: "Test"}] * 2

    @pytest.mark.walk
    async def test_is_an_attribute_in_braze(self, desk: Desk) -> None:
        braze = BrazeEmulator()
        async with Sandbox([braze]) as sandbox:
            url = sandbox.urls["braze"]
            await desk.flow.use_account("braze", {"api_key": DEFAULT_KEY, "rest_endpoint": url})
            activation = await desk.flow.activate(
                resync=True, idSync=[{"externalId": "email", "strategy": "last"}], idSyncGiven=True
            )
            await include(desk, activation)
            await desk.flow.members(range(2))
            await desk.flow.quiet(activation)
        assert [user.attributes[NAME] for user in braze.users.values()] == ["Test", "Test"]

    async def test_that_cannot_be_sent_is_refused(self, desk: Desk) -> None:
        activation = await desk.flow.activate(enabled=False)
        for wrong in ("", 7, " padded", ["a"]):
            response = await options(desk, activation, includedAttribute=wrong)
            assert response.status_code == 422, wrong
            assert response.json()["errors"][0]["field"] == "includedAttribute"
        arms = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
        split = {"arms": arms, "property": "side"}
        response = await options(desk, activation, split=split, includedAttribute="side")
        assert response.status_code == 422
        await desk.flow.use_account(
            "talon-one", {"api_key": "k", "base_url": "https://x.talon.one"}
        )
        response = await options(desk, activation, includedAttribute=True)
        assert response.status_code == 422
        assert "writes no properties" in response.text
