"""Test sends: one profile is sent to the partner, and recorded as held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select

from app.domain.activation_states import ActivationState
from app.sandbox.braze import DEFAULT_GROUP, DEFAULT_KEY, BrazeEmulator
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.sandbox.service import Service
from app.sandbox.talon_one import DEFAULT_KEY as TALON_KEY
from app.sandbox.talon_one import TalonOneEmulator
from app.services.planning import test_sends as trials
from app.services.platform.platform import Platform
from app.storage.models import Activation, Audience, AuditEvent, Notice
from tests.flow import Flow, eventually, installation, worker

LIST = "AbCdEf"
SAMPLE: dict[str, Any] = {
    "profileId": "test-1",
    "identifiers": {"email": "Test@Example.com", "user_id": "test-1"},
    "traits": {"plan": "gold"},
}


@dataclass
class Desk:
    flow: Flow
    api: httpx.AsyncClient

    async def ask(self, activation: str, body: Any) -> httpx.Response:
        path = f"audiences/{self.flow.audience_id}/activations/{activation}/test-sends"
        return await self.api.post(path, json=body)

    async def send(self, activation: str, **body: Any) -> dict[str, Any]:
        response = await self.ask(activation, body)
        assert response.status_code == 200, response.text
        told: dict[str, Any] = response.json()["data"]["testSend"]
        return told

    async def sync(self, activation: str) -> Any:
        path = f"audiences/{self.flow.audience_id}/activations/{activation}/syncs"
        response = await self.api.post(path, json={})
        assert response.status_code == 200, response.text
        return await self.flow.quiet(activation)

    async def held(self, activation: str) -> dict[str, str]:
        path = f"audiences/{self.flow.audience_id}/activations/{activation}/holdings"
        rows = (await self.api.get(path)).json()["data"]["holdings"]
        return {row["key"]: row["held"] for row in rows}


@asynccontextmanager
async def desk_of(platform: Platform, client: httpx.AsyncClient) -> AsyncIterator[Desk]:
    async with installation(platform) as flow:
        await flow.sign_in(client)
        yield Desk(flow, client)


@pytest.fixture
async def desk(platform: Platform, client: httpx.AsyncClient) -> AsyncIterator[Desk]:
    async with desk_of(platform, client) as made, worker(platform):
        yield made


class TestMember:
    @pytest.mark.walk
    async def test_is_sent_and_the_next_sync_need_not_send_it(self, desk: Desk) -> None:
        activation = await desk.flow.activate(enabled=False, properties=["plan"])
        await desk.flow.upload(
            {"profile_id": f"p{i}", "email": f"p{i}@example.com", "plan": "gold"} for i in range(3)
        )
        told = await desk.send(activation, profileId="p1")
        assert (told["status"], told["member"], told["leftOut"]) == ("delivered", True, [])
        assert desk.flow.received(activation) == {"p1"}
        (request,) = told["requests"]
        (change,) = orjson.loads(request["body"])["data"]["entered"]
        assert change["traits"] == {"plan": "gold"}
        assert request["answer"]["status"] == 200
        assert request["headers"]["webhook-signature"] == "<…>"
        assert [one["outcome"] for one in told["attempts"]] == ["delivered"]
        assert await desk.held(activation) == {"p1": "yes"}
        async with desk.flow.platform.unit_of_work() as session:
            row = await session.get(Activation, (desk.flow.space_id, activation))
            assert row is not None
            assert row.last_synced_at is None
            row.enabled, row.state, row.baseline_wanted = True, ActivationState.ACTIVE, False
        sync = await desk.sync(activation)
        assert (sync.entered, sync.exited) == (2, 0)
        assert desk.flow.received(activation) == {"p0", "p1", "p2"}

    @pytest.mark.walk
    async def test_that_is_taken_out_enters_again_whatever_was_sent_since(self, desk: Desk) -> None:
        activation = await desk.flow.activate(resync=True)
        await desk.flow.members(range(4))
        await desk.flow.quiet(activation)
        for name in ("p1", "p2", "p3"):
            told = await desk.send(activation, profileId=name, change="exited")
            assert told["status"] == "delivered"
            assert "as entered again" in told["notes"][0]
        assert desk.flow.received(activation) == {"p0"}
        told = await desk.send(activation, profileId="p2", change="updated")
        assert "makes nobody a member" in " ".join(told["notes"])
        assert (await desk.held(activation))["p2"] == "maybe"
        # A member that is refused as an update is not refused as a member.
        desk.flow.receiver.refused = {"p3": "not here"}
        told = await desk.send(activation, profileId="p3", change="updated")
        assert told["status"] == "rejected"
        desk.flow.receiver.refused = {}
        sync = await desk.sync(activation)
        assert (sync.entered, sync.exited, sync.left_out) == (3, 0, {})
        assert desk.flow.received(activation) == {"p0", "p1", "p2", "p3"}
        assert (await desk.held(activation))["p2"] == "yes"
        await desk.send(activation, profileId="p2", change="updated")
        assert (await desk.held(activation))["p2"] == "yes"

    @pytest.mark.walk
    async def test_is_sent_though_a_sync_would_leave_it_out(self, desk: Desk) -> None:
        split = [
            {"name": "a", "weight": 0.000001, "sent": True},
            {"name": "control", "weight": 1_000_000, "sent": False},
        ]
        activation = await desk.flow.activate(
            resync=True, split=split, consent="agreed", type="Audience Exited"
        )
        await desk.flow.upload([{"profile_id": "p1", "email": "p1@example.com", "agreed": False}])
        await desk.flow.quiet(activation)
        assert desk.flow.received(activation) == set()
        told = await desk.send(activation, profileId="p1")
        assert (told["status"], told["leftOut"]) == ("delivered", ["no_consent"])
        words = " ".join(told["notes"])
        assert "has not given consent" in words
        assert "sends no change 'entered'" in words
        assert desk.flow.received(activation) == {"p1"}
        sync = await desk.sync(activation)
        assert sync.exited == 1
        assert desk.flow.received(activation) == set()

    async def test_of_several_audiences_is_found_in_each(self, desk: Desk) -> None:
        activation = await desk.flow.activate(enabled=False)
        await desk.flow.members(range(2))
        unknown = await desk.ask(activation, {"profileId": "p9"})
        assert unknown.status_code == 404
        assert "`profile`" in unknown.text


class TestSample:
    async def test_is_sent_and_taken_out_by_the_next_sync(self, desk: Desk) -> None:
        activation = await desk.flow.activate(resync=True, properties=["plan"])
        await desk.flow.members(range(2))
        await desk.flow.quiet(activation)
        told = await desk.send(activation, profile=SAMPLE)
        assert (told["status"], told["member"]) == ("delivered", False)
        assert told["notes"] == ["It is not wanted at the destination: the next sync removes it."]
        assert told["keys"][0]["traits"] == {"plan": "gold"}
        assert desk.flow.received(activation) == {"p0", "p1", "test-1"}
        sync = await desk.sync(activation)
        assert (sync.entered, sync.exited) == (0, 1)
        assert desk.flow.received(activation) == {"p0", "p1"}
        assert await desk.held(activation) == {"p0": "yes", "p1": "yes"}

    @pytest.mark.walk
    async def test_may_hold_integers_of_any_size(self, desk: Desk) -> None:
        activation = await desk.flow.activate(enabled=False, properties=["points"])
        await desk.flow.members(range(1))
        told = await desk.send(activation, profile={**SAMPLE, "traits": {"points": 2**70}})
        assert told["status"] == "delivered"
        assert float(told["keys"][0]["traits"]["points"]) == 2**70

    @pytest.mark.walk
    async def test_of_a_mode_that_only_appends_stays_until_it_is_sent_as_exited(
        self, desk: Desk
    ) -> None:
        activation = await desk.flow.activate(resync=True, mode="append")
        await desk.flow.members(range(2))
        await desk.flow.quiet(activation)
        told = await desk.send(activation, profile=SAMPLE)
        assert "send it as exited" in told["notes"][0]
        assert (await desk.sync(activation)).exited == 0
        assert "test-1" in desk.flow.received(activation)
        await desk.send(activation, profile=SAMPLE, change="exited")
        assert desk.flow.received(activation) == {"p0", "p1"}
        assert "test-1" not in await desk.held(activation)

    @pytest.mark.walk
    async def test_before_the_first_plan_does_not_take_the_brake_off(self, desk: Desk) -> None:
        activation = await desk.flow.activate(enabled=False, brake=True, mode="remove")
        await desk.flow.members(range(200))
        await desk.send(activation, profile=SAMPLE, change="exited")
        async with desk.flow.platform.unit_of_work() as session:
            row = await session.get(Activation, (desk.flow.space_id, activation))
            assert row is not None
            row.enabled, row.state, row.baseline_wanted = True, ActivationState.ACTIVE, False
        sync = await desk.sync(activation)
        assert sync.state == "held"
        assert "first plan" in (sync.hold_reason or "")

    @pytest.mark.walk
    async def test_of_a_linked_audience_is_an_entity(self, desk: Desk) -> None:
        async with desk.flow.platform.unit_of_work() as session:
            audience = await session.get(Audience, (desk.flow.space_id, desk.flow.audience_id))
            assert audience is not None
            audience.audience_type = "LINKED"
        activation = await desk.flow.activate(enabled=False)
        await desk.flow.upload([{"entity_id": "e1", "profile_id": "p1", "email": "a@x.com"}])
        refused = await desk.ask(activation, {"profile": SAMPLE})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "profile.entityId"
        told = await desk.send(activation, profile={**SAMPLE, "entityId": "e9"})
        assert told["keys"][0]["key"] == "e9"
        assert (await desk.send(activation, profileId="p1"))["keys"][0]["key"] == "e1"
        assert desk.flow.received(activation) == {"e1", "e9"}

    async def test_that_does_not_fit_is_refused_by_name(self, desk: Desk) -> None:
        activation = await desk.flow.activate(enabled=False)
        await desk.flow.members(range(2))
        for body, field in (
            ({}, None),
            ({"profileId": "p1", "profile": SAMPLE}, None),
            ({"profileId": "p1", "change": "left"}, "change"),
            ({"profile": {"identifiers": {}}}, "profile.profileId"),
            ({"profile": {**SAMPLE, "entityId": "e1"}}, "profile.entityId"),
        ):
            response = await desk.ask(activation, body)
            assert response.status_code == 422, body
            if field:
                assert response.json()["errors"][0]["field"] == field


class TestRefusals:
    @pytest.mark.walk
    async def test_while_a_sync_is_open_it_is_409(
        self, platform: Platform, client: httpx.AsyncClient
    ) -> None:
        async with desk_of(platform, client) as desk:
            async with worker(platform):
                activation = await desk.flow.activate(resync=True)
                await desk.flow.members(range(2))
                await desk.flow.quiet(activation)
            # No worker runs, so an opened sync stays open.
            path = f"audiences/{desk.flow.audience_id}/activations/{activation}/syncs"
            assert (await desk.api.post(path, json={"kind": "resync"})).status_code == 200
            response = await desk.ask(activation, {"profileId": "p1"})
            assert response.status_code == 409
            assert "wait for its end or cancel it" in response.text

    @pytest.mark.walk
    async def test_without_a_worker_it_is_pending_and_keeps_syncs_waiting(
        self, platform: Platform, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trials, "PATIENCE", 0.3)
        async with desk_of(platform, client) as desk:
            async with worker(platform):
                activation = await desk.flow.activate(resync=True)
                await desk.flow.members(range(2))
                await desk.flow.quiet(activation)
            told = await desk.send(activation, profile=SAMPLE)
            assert (told["status"], told["requests"]) == ("pending", [])
            path = f"audiences/{desk.flow.audience_id}/activations/{activation}/syncs"
            assert (await desk.api.post(path, json={})).status_code == 409
            run = await desk.flow.supply([{"profile_id": "p7"}])
            async with worker(platform):
                await desk.flow.finished(run.id)
                sync = await desk.flow.quiet(activation)
            kinds = [one.kind for one in await desk.flow.syncs(activation)]
            assert kinds[-2:] == ["test", "incremental"]
            assert sync.state == "complete"
            assert desk.flow.received(activation) == {"p7"}

    async def test_files_are_not_tested_by_one_row(self, desk: Desk) -> None:
        activation = await desk.flow.activate(enabled=False)
        await desk.flow.members(range(2))
        await desk.flow.use_account("file-download", {})
        response = await desk.ask(activation, {"profileId": "p1"})
        assert response.status_code == 409
        assert "whole files" in response.text

    async def test_before_the_first_run_it_is_409(self, desk: Desk) -> None:
        activation = await desk.flow.activate(enabled=False)
        response = await desk.ask(activation, {"profile": SAMPLE})
        assert response.status_code == 409
        assert "not been computed" in response.text

    @pytest.mark.walk
    async def test_a_profile_that_nobody_could_know_is_409(self, desk: Desk) -> None:
        activation = await desk.flow.activate(enabled=False)
        await desk.flow.upload([{"profile_id": "p1", "email": None, "phone": None}])
        await desk.flow.use_account("klaviyo", {"api_key": "pk_x"})
        response = await desk.ask(activation, {"profileId": "p1"})
        assert response.status_code == 409
        assert "none of the identifiers" in response.text
        empty = {"profileId": "x", "identifiers": {"phone": "12"}}
        response = await desk.ask(activation, {"profile": empty})
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "profile.identifiers"


class TestFailures:
    @pytest.mark.walk
    async def test_a_refusal_holds_nobody_and_a_breakdown_leaves_a_maybe(self, desk: Desk) -> None:
        activation = await desk.flow.activate(resync=True)
        await desk.flow.members(range(2))
        await desk.flow.quiet(activation)
        desk.flow.sandbox.faults.add({"kind": "status", "status": 400, "times": 1})
        told = await desk.send(activation, profile=SAMPLE)
        assert told["status"] == "failed"
        assert told["reasons"]
        assert "test-1" not in await desk.held(activation)
        desk.flow.sandbox.faults.add({"kind": "apply_then_status", "status": 500, "times": 1})
        told = await desk.send(activation, profile=SAMPLE)
        assert (told["status"], told["attempts"][0]["httpStatus"]) == ("failed", 500)
        assert told["requests"][0]["answer"]["status"] == 500
        assert (await desk.held(activation))["test-1"] == "maybe"
        row = await desk.flow.activation(activation)
        assert (row.state, row.last_error, row.failing_since) == ("active", None, None)
        await eventually(lambda: _settled(desk, activation))
        await desk.sync(activation)
        assert desk.flow.received(activation) == {"p0", "p1"}

    @pytest.mark.walk
    async def test_a_partner_that_asks_to_wait_is_waited_for(self, desk: Desk) -> None:
        activation = await desk.flow.activate(enabled=False)
        await desk.flow.members(range(2))
        desk.flow.sandbox.faults.add(
            {"kind": "status", "status": 429, "retry_after": 0, "times": 1}
        )
        told = await desk.send(activation, profile=SAMPLE)
        assert told["status"] == "delivered"
        assert [one["outcome"] for one in told["attempts"]] == ["throttled", "delivered"]
        assert [one["answer"]["status"] for one in told["requests"]] == [429, 200]

    @pytest.mark.walk
    async def test_a_refused_key_pauses_the_account_even_of_an_activation_at_rest(
        self, desk: Desk
    ) -> None:
        activation = await desk.flow.activate(enabled=False)
        await desk.flow.members(range(2))
        desk.flow.sandbox.faults.add({"kind": "status", "status": 401, "times": 1})
        told = await desk.send(activation, profile=SAMPLE)
        assert told["status"] == "failed"
        row = await desk.flow.activation(activation)
        assert row.state == "inactive"
        # A test send tries the account once more.
        assert (await desk.send(activation, profile=SAMPLE))["status"] == "delivered"

    @pytest.mark.walk
    async def test_is_in_the_audit_trail_and_in_no_notice(self, desk: Desk) -> None:
        activation = await desk.flow.activate(
            enabled=False, options={"notifications": {"emails": ["a@example.com"]}}
        )
        await desk.flow.members(range(2))
        await desk.send(activation, profile=SAMPLE)
        async with desk.flow.platform.unit_of_work() as session:
            events = list(await session.scalars(select(AuditEvent.type)))
            notices = list(await session.execute(select(Notice.id)))
        assert "Activation Test Sent" in events
        assert notices == []


async def _settled(desk: Desk, activation: str) -> bool:
    path = f"audiences/{desk.flow.audience_id}/activations/{activation}/syncs"
    return (await desk.api.post(path, json={"dryRun": True})).status_code == 200


@dataclass(frozen=True)
class Partner:
    slug: str
    emulator: Service
    settings: dict[str, Any]
    address: str
    connection: dict[str, Any]
    id_sync: str
    list_id: str
    entries: int  # requests of an entry
    exits: int


def klaviyo() -> KlaviyoEmulator:
    made = KlaviyoEmulator(job_seconds=0.05)
    made.account.new_list("VIP", LIST)
    return made


def talon() -> TalonOneEmulator:
    made = TalonOneEmulator()
    made.new_audience("VIP", "vip", 7)
    return made


def partners() -> list[Partner]:
    group = {"segment_id": DEFAULT_GROUP}
    return [
        Partner("klaviyo", klaviyo(), {"api_key": "pk_sandbox"}, "base_url", {"list_id": LIST}, "email", LIST, 2, 1),
        Partner("braze", BrazeEmulator(), {"api_key": DEFAULT_KEY}, "rest_endpoint", group, "user_id", DEFAULT_GROUP, 2, 2),
        Partner("talon-one", talon(), {"api_key": TALON_KEY}, "base_url", {"audience_id": 7}, "user_id", "7", 1, 1),
    ]  # fmt: skip


@pytest.mark.walk
@pytest.mark.parametrize("number", range(3), ids=["klaviyo", "braze", "talon-one"])
async def test_a_partner_takes_the_sample_and_loses_it_again(desk: Desk, number: int) -> None:
    partner = partners()[number]
    async with Sandbox([partner.emulator]) as sandbox:
        url = sandbox.urls[partner.emulator.name]
        await desk.flow.use_account(partner.slug, {**partner.settings, partner.address: url})
        activation = await desk.flow.activate(
            resync=True,
            idSync=[{"externalId": partner.id_sync, "strategy": "last"}],
            idSyncGiven=True,
            connectionSettings=partner.connection,
        )
        await desk.flow.upload([{"profile_id": "p1", "user_id": "u1", "email": "p1@example.com"}])
        await desk.flow.quiet(activation)
        before = len(partner.emulator.members(partner.list_id) or ())
        told = await desk.send(activation, profile=SAMPLE)
        assert told["status"] == "delivered", told
        assert len(told["requests"]) == partner.entries
        assert all("answer" in request for request in told["requests"])
        assert "pk_sandbox" not in str(told)
        assert DEFAULT_KEY not in str(told)
        assert TALON_KEY not in str(told)
        assert len(partner.emulator.members(partner.list_id) or ()) == before + 1
        sync = await desk.sync(activation)
        assert sync.exited == 1
        assert len(partner.emulator.members(partner.list_id) or ()) == before
        told = await desk.send(activation, profileId="p1", change="exited")
        assert len(told["requests"]) == partner.exits
        assert len(partner.emulator.members(partner.list_id) or ()) == before - 1
        assert partner.emulator.stats()["violations"] == 0
