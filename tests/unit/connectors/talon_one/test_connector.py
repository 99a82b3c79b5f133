from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError

from app.connectors.base import Call, ConnectorTools, Delivery, Lists, Pending, ReadBack, Receipts
from app.connectors.destinations.talon_one.connector import TalonOneConnector
from app.connectors.destinations.talon_one.definition import UPDATE_MANY, UPDATE_ONE
from app.connectors.destinations.talon_one.settings import (
    TalonOneConnectionSettings,
    TalonOneSettings,
)
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    PayloadRejected,
    Throttled,
    TransientFailure,
    Unconfirmed,
)
from app.domain.changes import ChangeKind
from app.sandbox.sandbox import Sandbox
from app.sandbox.talon_one import DEFAULT_KEY, DEFAULT_MANAGEMENT_KEY, TalonOneEmulator
from tests.unit.connectors.create import create_call, create_delivery, create_tools


@dataclass
class World:
    sandbox: Sandbox
    partner: TalonOneEmulator
    tools: ConnectorTools

    def connector(self, **changes: Any) -> TalonOneConnector:
        given = {"api_key": DEFAULT_KEY, "base_url": self.sandbox.urls["talon_one"], **changes}
        return TalonOneConnector(TalonOneSettings.model_validate(given), self.tools)

    async def run(self, call: Call, rows: Sequence[Delivery]) -> Receipts:
        connector = self.connector()
        result = await connector.deliver(call, rows)
        while isinstance(result, Pending):
            result = await connector.resume(call, rows, json.loads(json.dumps(result.handle)))
        return result

    def requests(self) -> list[tuple[str, str, Any]]:
        return [
            (record["method"], record["url"], json.loads(record["body"] or "null"))
            for record in self.sandbox.recorder.listed("talon_one", 5000)
        ]

    def inside(self) -> set[str]:
        return {member["id"] for member in self.partner.members("7") or ()}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    partner = TalonOneEmulator()
    partner.new_audience("VIP", "ii_0", 7)
    async with Sandbox([partner]) as sandbox, create_tools() as tools:
        yield World(sandbox, partner, tools)
        assert partner.violations == []


def profile(number: int, **changes: Any) -> Delivery:
    key = changes.pop("key", f"u{number}")
    values: dict[str, Any] = {
        "key_type": "customerProfileId",
        "key": key,
        "identifiers": {"customerProfileId": [key]},
    }
    return create_delivery(**{"profile_id": f"p{number}", **values, **changes})


def profiles(count: int, **changes: Any) -> list[Delivery]:
    return [profile(number, **changes) for number in range(count)]


def talon_call(kind: ChangeKind = ChangeKind.ENTERED, **changes: Any) -> Call:
    return create_call(kind=kind, **{"action_id": UPDATE_MANY.id, "target": "7", **changes})


class TestRequests:
    """The exact requests of each action."""

    async def test_entered_and_exited(self, world: World) -> None:
        await world.run(talon_call(), profiles(2))
        await world.run(talon_call(ChangeKind.EXITED), [profile(0, kind=ChangeKind.EXITED)])
        assert world.requests() == [
            (
                "POST",
                "/v2/customer_audiences",
                {
                    "data": [
                        {"action": "add", "profileIntegrationId": "u0", "audienceId": 7},
                        {"action": "add", "profileIntegrationId": "u1", "audienceId": 7},
                    ]
                },
            ),
            (
                "POST",
                "/v2/customer_audiences",
                {"data": [{"action": "delete", "profileIntegrationId": "u0", "audienceId": 7}]},
            ),
        ]
        (record,) = world.sandbox.recorder.listed("talon_one", 1)
        assert record["headers"]["authorization"] == f"ApiKey-v1 {DEFAULT_KEY}"

    async def test_a_resync_is_the_same_request(self, world: World) -> None:
        await world.run(talon_call(), profiles(2))
        await world.run(talon_call(resync=True), profiles(2))
        first, second = world.requests()
        assert first == second

    async def test_an_update_changes_no_membership_and_sends_nothing(self, world: World) -> None:
        assert (
            await world.run(talon_call(ChangeKind.UPDATED), profiles(2, kind=ChangeKind.UPDATED))
            == Receipts()
        )
        assert world.requests() == []

    async def test_one_profile_at_a_time_with_attributes(self, world: World) -> None:
        call = talon_call(action_id=UPDATE_ONE.id, constants={"runRuleEngine": True})
        await world.run(call, [profile(0, key="a/b", fields={"attributes": {"plan": "gold"}})])
        exits = talon_call(ChangeKind.EXITED, action_id=UPDATE_ONE.id)
        await world.run(
            exits,
            [profile(0, key="a/b", kind=ChangeKind.EXITED, fields={"attributes": {"plan": "x"}})],
        )
        assert world.requests() == [
            (
                "PUT",
                "/v2/customer_profiles/a%2Fb?runRuleEngine=true",
                {"audiencesChanges": {"adds": [7], "deletes": []}, "attributes": {"plan": "gold"}},
            ),
            (
                "PUT",
                "/v2/customer_profiles/a%2Fb",
                {"audiencesChanges": {"adds": [], "deletes": [7]}},
            ),
        ]

    async def test_mapped_audiences_win(self, world: World) -> None:
        world.partner.new_audience("Other", "x", 8)
        await world.run(talon_call(), [profile(0, fields={"adds": [7, 8]})])
        assert [row["audienceId"] for row in world.requests()[0][2]["data"]] == [7, 8]

    async def test_an_audience_is_created_with_the_reference(self, world: World) -> None:
        made = await world.connector().create_list("Spring", "ii_9")
        assert world.requests() == [
            ("POST", "/v2/audiences", {"name": "Spring", "integrationId": "ii_9"})
        ]
        assert made == "8"


class TestDeliver:
    async def test_a_thousand_in_one_call(self, world: World) -> None:
        assert await world.run(talon_call(), profiles(1000)) == Receipts()
        assert len(world.inside()) == 1000
        assert len(world.requests()) == 1

    async def test_named_rows_are_rejected_and_the_others_are_sent_again(
        self, world: World
    ) -> None:
        world.partner.refused = {"u3": "unknown profile", "u9": "blocked"}
        receipts = await world.run(talon_call(), profiles(20))
        assert {i: r.message for i, r in receipts.rejected.items()} == {
            3: "unknown profile",
            9: "blocked",
        }
        assert len(world.inside()) == 18
        assert len(world.requests()) == 2

    async def test_rows_that_are_not_named_are_found_by_halving(self, world: World) -> None:
        world.partner.pointers = False
        world.partner.refused = {"u613": "unknown profile"}
        receipts = await world.run(talon_call(), profiles(1000))
        assert list(receipts.rejected) == [613]
        assert len(world.inside()) == 999
        assert len(world.requests()) <= 1 + 2 * 10

    async def test_a_refusal_of_all_rows_rejects_none(self, world: World) -> None:
        world.sandbox.faults.add({"kind": "status", "status": 400})
        with pytest.raises(PayloadRejected):
            await world.run(talon_call(), profiles(1000))
        assert len(world.requests()) <= 30

    @pytest.mark.parametrize("status", [400, 422])
    async def test_one_by_one_no_profile_is_rejected_if_all_are_refused(
        self, world: World, status: int
    ) -> None:
        body = json.dumps(
            {"message": "Bad", "errors": [{"title": "unknown attribute", "source": "x"}]}
        )
        world.sandbox.faults.add({"kind": "status", "status": status, "body": body})
        with pytest.raises(PayloadRejected, match="Bad"):
            await world.run(talon_call(action_id=UPDATE_ONE.id), profiles(20))
        assert len(world.requests()) <= 20

    async def test_413_splits(self, world: World) -> None:
        world.sandbox.faults.add({"kind": "status", "status": 413, "times": 1})
        assert await world.run(talon_call(), profiles(100)) == Receipts()
        assert len(world.inside()) == 100
        assert len(world.requests()) == 3

    @pytest.mark.parametrize("status", [201, 202, 206])
    async def test_other_successes_confirm_nothing(self, world: World, status: int) -> None:
        world.sandbox.faults.add({"kind": "status", "status": status, "body": "<html>"})
        with pytest.raises(Unconfirmed, match="base_url"):
            await world.run(talon_call(), profiles(3))

    async def test_two_wrong_rows_reject_none(self, world: World) -> None:
        world.partner.pointers = False
        world.partner.refused = {"u0": "x", "u1": "x"}
        with pytest.raises(PayloadRejected):
            await world.run(talon_call(), profiles(2))

    async def test_skips(self, world: World) -> None:
        rows = [
            profile(0),
            profile(1, key_type="other", identifiers={}),
            profile(2, key="x" * 1001),
        ]
        receipts = await world.run(talon_call(), rows)
        assert {i: r.code for i, r in receipts.skipped.items()} == {
            1: "no_identifier",
            2: "identifier_too_long",
        }
        assert world.inside() == {"u0"}

    async def test_one_by_one_continues_at_its_position(self, world: World) -> None:
        world.partner.refused = {"u5": "blocked"}
        call = talon_call(action_id=UPDATE_ONE.id)
        first = await world.connector().deliver(call, profiles(50))
        assert isinstance(first, Pending)
        assert first.handle["todo"] == [[24, 50]]
        world.sandbox.recorder.clear()
        receipts = await world.run(call, profiles(50))
        assert {i: r.message for i, r in receipts.rejected.items()} == {5: "blocked"}
        assert len(world.inside()) == 49
        assert len(world.requests()) == 50


class TestAnswers:
    @pytest.mark.parametrize(
        ("action", "fault", "error", "words"),
        [
            (UPDATE_MANY, {"status": 401}, AuthenticationRejected, "wrong, expired or deleted"),
            (UPDATE_MANY, {"status": 403}, AuthenticationRejected, "may not call"),
            (
                UPDATE_MANY,
                {"status": 404},
                PayloadRejected,
                "audience is not known in this deployment",
            ),
            (UPDATE_MANY, {"status": 409}, PayloadRejected, "HTTP 409"),
            (UPDATE_ONE, {"status": 409}, TransientFailure, "busy"),
            (UPDATE_MANY, {"status": 429, "retry_after": 2}, Throttled, "limiting"),
            (UPDATE_MANY, {"status": 500}, TransientFailure, "HTTP 500"),
            (UPDATE_MANY, {"status": 503}, TransientFailure, "HTTP 503"),
            (UPDATE_MANY, {"status": 302}, TransientFailure, "redirect"),
            (UPDATE_ONE, {"status": 400}, PayloadRejected, "HTTP 400"),
        ],
    )
    async def test_class_of_a_response(
        self,
        world: World,
        action: Any,
        fault: dict[str, Any],
        error: type[ConnectorError],
        words: str,
    ) -> None:
        world.sandbox.faults.add({"kind": "status", **fault})
        with pytest.raises(error, match=words):
            await world.run(talon_call(action_id=action.id), profiles(1))

    async def test_a_missing_audience_is_reported(self, world: World) -> None:
        with pytest.raises(ConfigurationRejected, match=r"no Talon\.One audience"):
            await world.run(talon_call(target=None), profiles(1))


class TestLists:
    async def test_one_that_exists_is_adopted_with_a_management_key(self, world: World) -> None:
        assert (
            await world.connector(management_key=DEFAULT_MANAGEMENT_KEY).create_list("VIP", "ii_0")
            == "7"
        )
        with pytest.raises(ConfigurationRejected, match="set its audience_id, or a management key"):
            await world.connector().create_list("VIP", "ii_0")

    async def test_listing_and_reading_need_the_management_key(self, world: World) -> None:
        world.partner.limits = False
        await world.run(talon_call(), profiles(1000))
        await world.run(talon_call(), [profile(1000)])
        connector = world.connector(management_key=f"ManagementKey-v1 {DEFAULT_MANAGEMENT_KEY}")
        assert isinstance(connector, Lists)
        assert isinstance(connector, ReadBack)
        assert [one async for one in connector.list_lists()] == [("7", "VIP")]
        pages = [page async for page in connector.members("7")]
        assert [len(page) for page in pages] == [1000, 1]
        assert pages[0][0] == {"partner_id": "u0", "customerProfileId": "u0"}
        with pytest.raises(ConfigurationRejected, match="needs a management key"):
            [one async for one in world.connector().list_lists()]

    async def test_ids_that_come_back_as_numbers_are_the_same_ids(self, world: World) -> None:
        ids = ["12", "007", "u1"]
        await world.run(talon_call(), [profile(0, key=one) for one in ids])
        world.sandbox.faults.add({"kind": "reformat"})
        connector = world.connector(management_key=DEFAULT_MANAGEMENT_KEY)
        (page,) = [page async for page in connector.members("7")]
        answer = world.sandbox.recorder.listed("talon_one", 1)[0]["response_body"]
        assert '"integrationId":12,' in answer
        assert [member["customerProfileId"] for member in page] == ids


class TestCheck:
    async def test_reports_the_fault(self, world: World) -> None:
        assert (await world.connector().check({})).ok
        assert not (await world.connector(api_key="wrong").check({})).ok
        result = await world.connector(management_key="wrong").check({})
        assert not result.ok
        world.sandbox.faults.add({"kind": "status", "status": 404, "path": "/v2/authping"})
        result = await world.connector().check({})
        assert result.ok
        assert "could not be verified" in result.warnings[0]


class TestSettings:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"base_url": "mine.talon.one"}, "full URL"),
            ({"base_url": "https://mine.talon.one/v2"}, "without a path"),
            ({"base_url": "https://integration.talon.one"}, "your own deployment"),
            ({"base_url": "http://mine.talon.one"}, "https"),
            ({"base_url": "https://evil.example"}, r"ends in \.talon\.one"),
            ({"api_key": "ManagementKey-v1 x"}, "other kind of key"),
            ({"api_key": ""}, "without blanks"),
            ({"management_key": "ApiKey-v1 x"}, "other kind of key"),
        ],
    )
    def test_common_mistakes_are_explained(self, given: dict[str, Any], words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            TalonOneSettings.model_validate(
                {"base_url": "https://mine.talon.one", "api_key": "k", **given}
            )

    def test_a_pasted_prefix_and_a_slash_are_removed(self) -> None:
        made = TalonOneSettings.model_validate(
            {"base_url": "https://mine.talon.one/", "api_key": " ApiKey-v1 abc "}
        )
        assert (made.base_url, made.api_key.get_secret_value()) == ("https://mine.talon.one", "abc")

    @pytest.mark.parametrize("audience_id", [0, -1, "x", 1.5])
    def test_an_audience_is_a_positive_number(self, audience_id: Any) -> None:
        with pytest.raises(ValidationError):
            TalonOneConnectionSettings.model_validate({"audience_id": audience_id})
