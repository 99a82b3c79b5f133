from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError

from app.connectors.base import Call, Delivery, Receipts
from app.connectors.destinations.braze.connector import BrazeConnector
from app.connectors.destinations.braze.definition import SUBSCRIBE, TRACK_EVENT, UPDATE
from app.connectors.destinations.braze.settings import BrazeConnectionSettings, BrazeSettings
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
from app.sandbox.braze import DEFAULT_GROUP, DEFAULT_KEY, BrazeEmulator
from app.sandbox.sandbox import Sandbox
from app.sandbox.server import Request, Response, json_response
from tests.unit.connectors.create import ATTEMPTED, create_call, create_delivery, create_tools


@dataclass
class World:
    sandbox: Sandbox
    partner: BrazeEmulator
    connector: BrazeConnector

    async def run(self, call: Call, rows: Sequence[Delivery]) -> Receipts:
        result = await self.connector.deliver(call, rows)
        assert isinstance(result, Receipts)
        return result

    def requests(self) -> list[tuple[str, str, Any]]:
        return [
            (record["method"], record["url"], json.loads(record["body"] or "null"))
            for record in self.sandbox.recorder.listed("braze", 1000)
        ]

    def inside(self, list_id: str = "audience_vip") -> set[str]:
        return {
            str(m.get("external_id") or m.get("email")) for m in self.partner.members(list_id) or ()
        }


@pytest.fixture
async def world() -> AsyncIterator[World]:
    partner = BrazeEmulator()
    async with Sandbox([partner]) as sandbox, create_tools() as tools:
        given = {"api_key": DEFAULT_KEY, "rest_endpoint": sandbox.urls["braze"]}
        yield World(sandbox, partner, BrazeConnector(BrazeSettings.model_validate(given), tools))


def user(number: int, **changes: Any) -> Delivery:
    key = f"u{number}"
    values: dict[str, Any] = {
        "key_type": "external_id",
        "key": key,
        "identifiers": {"external_id": key},
    }
    return create_delivery(**{"profile_id": f"p{number}", **values, **changes})


def braze_call(kind: ChangeKind = ChangeKind.ENTERED, **changes: Any) -> Call:
    return create_call(kind=kind, **{"action_id": UPDATE.id, **changes})


class TestRequests:
    """The exact requests of each action."""

    async def test_entered(self, world: World) -> None:
        rows = [
            user(
                1, fields={"custom_attributes": {"plan": "gold"}, "first_name": "Ann", "dob": None}
            ),
            user(2),
        ]
        await world.run(braze_call(), rows)
        assert world.requests() == [
            (
                "POST",
                "/users/track",
                {
                    "attributes": [
                        {
                            "external_id": "u1",
                            "plan": "gold",
                            "first_name": "Ann",
                            "audience_vip": True,
                        },
                        {"external_id": "u2", "audience_vip": True},
                    ]
                },
            )
        ]
        (record,) = world.sandbox.recorder.listed("braze", 1)
        assert record["headers"]["authorization"] == f"Bearer {DEFAULT_KEY}"
        assert record["headers"]["content-type"] == "application/json"

    async def test_properties_never_lead_to_another_user(self, world: World) -> None:
        odd = {
            "external_id": "someone-else",
            "user_alias": {"alias_name": "1", "alias_label": "crm"},
            "braze_id": "b9",
            "email": "else@b.example",
            "_update_existing_only": True,
            "audience_vip": "no",
            "plan": "gold",
        }
        rows = [
            user(1, kind=ChangeKind.UPDATED, fields={"custom_attributes": odd}),
            user(
                2,
                kind=ChangeKind.UPDATED,
                key_type="phone",
                key="+15005550006",
                identifiers={"phone": ["+15005550006"]},
                fields={"custom_attributes": odd},
            ),
        ]
        await world.run(braze_call(ChangeKind.UPDATED), rows)
        assert world.requests()[0][2]["attributes"] == [
            # The e-mail is a field of the user whom the external id finds; a phone would not outweigh it.
            {"external_id": "u1", "email": "else@b.example", "plan": "gold"},
            {"phone": "+15005550006", "plan": "gold"},
        ]

    async def test_exited(self, world: World) -> None:
        await world.run(
            braze_call(ChangeKind.EXITED),
            [user(1, kind=ChangeKind.EXITED, fields={"custom_attributes": {"plan": "x"}})],
        )
        constants = {"attribute_value_on_exit": "null"}
        await world.run(
            braze_call(ChangeKind.EXITED, constants=constants), [user(1, kind=ChangeKind.EXITED)]
        )
        first, second = (body for _, _, body in world.requests())
        assert first == {
            "attributes": [
                {"external_id": "u1", "audience_vip": False, "_update_existing_only": True}
            ]
        }
        assert second == {
            "attributes": [
                {"external_id": "u1", "audience_vip": None, "_update_existing_only": True}
            ]
        }
        assert world.partner.users == {}  # nobody is made by leaving

    async def test_updated_sends_only_what_changed(self, world: World) -> None:
        rows = [
            user(1, kind=ChangeKind.UPDATED, fields={"custom_attributes": {"plan": "gold"}}),
            user(2, kind=ChangeKind.UPDATED),
        ]
        await world.run(braze_call(ChangeKind.UPDATED), rows)
        assert world.requests() == [
            ("POST", "/users/track", {"attributes": [{"external_id": "u1", "plan": "gold"}]})
        ]
        await world.run(braze_call(ChangeKind.UPDATED), rows[1:])
        assert len(world.requests()) == 1

    async def test_a_resync_is_the_same_request(self, world: World) -> None:
        await world.run(braze_call(), [user(1)])
        await world.run(braze_call(resync=True), [user(1)])
        first, second = world.requests()
        assert first == second

    async def test_the_attribute_is_named_by_the_connection_or_the_arm(self, world: World) -> None:
        settings = {"attribute_name": "is_vip"}
        await world.run(braze_call(connection_settings=settings), [user(1)])
        await world.run(braze_call(connection_settings=settings, arm="a"), [user(2)])
        assert (world.inside("is_vip"), world.inside("is_vip_a")) == ({"u1"}, {"u2"})

    async def test_sends_one_identifier_and_prefers_the_key(self, world: World) -> None:
        rows = [
            user(
                1,
                key_type="email",
                key="a@b.example",
                identifiers={"external_id": "u1", "email": "a@b.example"},
            ),
            user(2, key_type="user_alias", key="crm:77", identifiers={"user_alias": "crm:77"}),
            user(3, key_type="phone", key="+15005550006", identifiers={"phone": ["+15005550006"]}),
            user(4, key_type="braze_id", key="b4", identifiers={}),
        ]
        await world.run(braze_call(), rows)
        assert world.requests()[0][2]["attributes"] == [
            {"email": "a@b.example", "audience_vip": True},
            {
                "user_alias": {"alias_name": "77", "alias_label": "crm"},
                "audience_vip": True,
                "_update_existing_only": False,
            },
            {"phone": "+15005550006", "audience_vip": True},
            {"braze_id": "b4", "audience_vip": True},
        ]

    async def test_with_a_group_its_state_is_set_too(self, world: World) -> None:
        settings = {"segment_id": DEFAULT_GROUP}
        rows = [
            user(1),
            user(2, key_type="email", key="a@b.example", identifiers={"email": "a@b.example"}),
        ]
        await world.run(braze_call(connection_settings=settings), rows)
        method, url, body = world.requests()[1]
        assert (method, url) == ("POST", "/v2/subscription/status/set")
        assert body == {
            "subscription_groups": [
                {
                    "subscription_group_id": DEFAULT_GROUP,
                    "subscription_state": "subscribed",
                    "external_ids": ["u1"],
                },
                {
                    "subscription_group_id": DEFAULT_GROUP,
                    "subscription_state": "subscribed",
                    "emails": ["a@b.example"],
                },
            ]
        }
        exits = [user(1, kind=ChangeKind.EXITED)]
        await world.run(
            braze_call(ChangeKind.EXITED, connection_settings=settings, action_id=SUBSCRIBE.id),
            exits,
        )
        assert (
            world.requests()[2][2]["subscription_groups"][0]["subscription_state"] == "unsubscribed"
        )
        assert world.inside(DEFAULT_GROUP) == {"a@b.example"}

    async def test_the_group_has_users_whom_its_own_operation_does_not_know_yet(
        self, world: World
    ) -> None:
        world.partner.settle_seconds = 120
        world.partner.reset()
        settings = {"segment_id": DEFAULT_GROUP}
        entry, leaving = braze_call(connection_settings=settings), ChangeKind.EXITED
        rows = [
            user(1),
            user(2, key_type="email", key="a@b.example", identifiers={"email": "a@b.example"}),
        ]
        receipts = await world.run(entry, rows)
        assert receipts == Receipts()
        assert world.inside(DEFAULT_GROUP) == {"u1", "a@b.example"}
        assert BrazeConnector.cost(entry, rows) == 2
        exits = [user(1, kind=leaving)]
        await world.run(braze_call(leaving, connection_settings=settings), exits)
        assert world.inside(DEFAULT_GROUP) == {"a@b.example"}
        assert world.requests()[2][2]["attributes"] == [
            {
                "external_id": "u1",
                "audience_vip": False,
                "subscription_groups": [
                    {"subscription_group_id": DEFAULT_GROUP, "subscription_state": "unsubscribed"}
                ],
                "_update_existing_only": True,
            }
        ]

    async def test_who_cannot_be_in_a_group_is_not_put_into_it(self, world: World) -> None:
        call = braze_call(connection_settings={"segment_id": DEFAULT_GROUP})
        row = user(2, key_type="user_alias", key="crm:77", identifiers={"user_alias": "crm:77"})
        receipts = await world.run(call, [row])
        assert receipts.skipped[0].code == "no_group_identifier"
        assert world.partner.members(DEFAULT_GROUP) == []

    async def test_an_event(self, world: World) -> None:
        rows = [user(1, fields={"name": "Audience Entered", "properties": {"plan": "gold"}})]
        await world.run(braze_call(action_id=TRACK_EVENT.id), rows)
        assert world.requests()[0][2] == {
            "events": [
                {
                    "external_id": "u1",
                    "name": "Audience Entered",
                    "time": "2026-03-01T12:00:00.000Z",
                    "properties": {"plan": "gold"},
                }
            ]
        }


class TestPartialFailure:
    async def test_objects_named_in_a_success_are_rejected(self, world: World) -> None:
        world.partner.refused = {"u1": "provided external_id is blacklisted and disallowed"}
        receipts = await world.run(braze_call(), [user(n) for n in range(3)])
        assert {i: (r.message, r.pointer) for i, r in receipts.rejected.items()} == {
            1: ("provided external_id is blacklisted and disallowed", "/attributes/1")
        }
        assert world.inside() == {"u0", "u2"}

    async def test_a_refused_user_is_not_subscribed(self, world: World) -> None:
        world.partner.refused = {"u1": "no"}
        call = braze_call(connection_settings={"segment_id": DEFAULT_GROUP})
        await world.run(call, [user(n) for n in range(3)])
        assert world.requests()[1][2]["subscription_groups"][0]["external_ids"] == ["u0", "u2"]

    async def test_objects_named_in_a_refusal_are_left_out_and_the_others_are_sent_again(
        self, world: World
    ) -> None:
        body = {
            "message": "Bad",
            "errors": [{"type": "wrong", "input_array": "attributes", "index": 2}],
        }
        world.sandbox.faults.add(
            {"kind": "status", "status": 400, "body": json.dumps(body), "times": 1}
        )
        receipts = await world.run(braze_call(), [user(n) for n in range(4)])
        assert {i: r.message for i, r in receipts.rejected.items()} == {2: "wrong"}
        assert world.inside() == {"u0", "u1", "u3"}

    @pytest.mark.parametrize("status", [400, 413])
    async def test_too_much_is_halved(self, world: World, status: int) -> None:
        world.partner.most_objects = 50
        if status == 413:
            world.sandbox.faults.add({"kind": "status", "status": 413, "times": 1})
        receipts = await world.run(braze_call(), [user(n) for n in range(75)])
        assert receipts == Receipts()
        assert len(world.inside()) == 75
        assert len(world.requests()) == 3

    async def test_a_member_without_an_identifier_is_skipped(self, world: World) -> None:
        receipts = await world.run(
            braze_call(), [user(0), user(1, key_type="other", identifiers={})]
        )
        assert receipts.skipped[1].code == "no_identifier"

    @pytest.mark.parametrize(
        "error",
        [
            "something odd",
            {"type": "odd"},
            {"type": "odd", "input_array": "attributes", "index": 7},
            {"type": "odd", "input_array": "purchases", "index": 0},
            {"type": "odd", "input_array": "attributes", "index": -1},
            {"type": "odd", "input_array": "attributes", "index": True},
        ],
    )
    async def test_errors_that_name_no_user_leave_the_call_unknown(
        self, world: World, error: Any
    ) -> None:
        body = {"message": "success", "attributes_processed": 1, "errors": [error]}
        world.sandbox.faults.add({"kind": "status", "status": 201, "body": json.dumps(body)})
        receipts = await world.run(braze_call(), [user(0)])
        assert list(receipts.unknown) == [0]
        assert len(world.requests()) == 1

    async def test_a_user_that_is_not_counted_is_found(self, world: World) -> None:
        uncounted(world, {"u7"})
        receipts = await world.run(braze_call(), [user(n) for n in range(20)])
        assert {i: r.code for i, r in receipts.unknown.items()} == {7: "not_counted"}
        assert len(world.requests()) <= 1 + 2 * 5

    async def test_a_call_of_which_nobody_is_counted_is_not_divided(self, world: World) -> None:
        uncounted(world, {f"u{n}" for n in range(20)})
        receipts = await world.run(braze_call(), [user(n) for n in range(20)])
        assert len(receipts.unknown) == 20
        assert len(world.requests()) == 1

    async def test_an_exit_that_is_not_counted_is_delivered(self, world: World) -> None:
        uncounted(world, {"u1"})
        rows = [user(n, kind=ChangeKind.EXITED) for n in range(3)]
        assert await world.run(braze_call(ChangeKind.EXITED), rows) == Receipts()

    @pytest.mark.parametrize("content", [{}, {"message": "queued"}])
    async def test_without_a_count_the_message_confirms(
        self, world: World, content: dict[str, Any]
    ) -> None:
        body = json.dumps({"message": "success", **content})
        world.sandbox.faults.add({"kind": "status", "status": 201, "body": body})
        assert await world.run(braze_call(), [user(0), user(1)]) == Receipts()

    @pytest.mark.parametrize("content", ["", "{}", "[]", "<html>", '{"message": "ok"}', "null"])
    async def test_any_other_success_confirms_nothing(self, world: World, content: str) -> None:
        world.sandbox.faults.add({"kind": "status", "status": 200, "body": content})
        with pytest.raises(Unconfirmed, match="nothing is confirmed"):
            await world.run(braze_call(), [user(0)])

    async def test_one_bad_user_per_response(self, world: World) -> None:
        refusing(world, {"u3", "u4", "u11"}, names=True)
        receipts = await world.run(braze_call(), [user(n) for n in range(20)])
        assert sorted(receipts.rejected) == [3, 4, 11]
        assert len(world.inside()) == 17

    @pytest.mark.parametrize("status", [400, 422, 413])
    async def test_a_refusal_that_names_nobody_is_searched(self, world: World, status: int) -> None:
        refusing(world, {"u7"}, status=status)
        receipts = await world.run(braze_call(), [user(n) for n in range(20)])
        assert {i: r.message for i, r in receipts.rejected.items()} == {
            7: f"Braze {'accepts fewer bytes per request' if status == 413 else 'refused the request: invalid attribute'}"
        }
        assert len(world.inside()) == 19
        assert len(world.requests()) <= 1 + 2 * 5

    async def test_an_index_outside_the_call_names_nobody(self, world: World) -> None:
        error = {"type": "odd", "input_array": "attributes", "index": 20}
        body = json.dumps({"message": "Bad", "errors": [error]})
        world.sandbox.faults.add({"kind": "status", "status": 400, "body": body})
        with pytest.raises(PayloadRejected):
            await world.run(braze_call(), [user(n) for n in range(20)])
        assert len(world.requests()) <= 20

    async def test_a_partner_that_names_everybody_rejects_nobody(self, world: World) -> None:
        refusing(world, {f"u{n}" for n in range(20)}, names=True)
        with pytest.raises(PayloadRejected):
            await world.run(braze_call(), [user(n) for n in range(20)])
        assert len(world.requests()) == 20


def uncounted(world: World, ids: set[str]) -> None:
    """Let Braze accept every call, and not count some users."""

    def track(request: Request) -> Response:
        entries = json.loads(request.body)["attributes"]
        taken = [entry for entry in entries if entry["external_id"] not in ids]
        return json_response(201, {"message": "success", "attributes_processed": len(taken)})

    world.partner._track = track  # type: ignore[method-assign]


def refusing(world: World, ids: set[str], *, names: bool = False, status: int = 400) -> None:
    """Let Braze refuse each call with some users, and name the first of them or nobody."""
    accept = world.partner._track

    def track(request: Request) -> Response:
        entries = json.loads(request.body)["attributes"]
        bad = [index for index, entry in enumerate(entries) if entry["external_id"] in ids]
        if not bad:
            return accept(request)
        error = {"type": "bad", "input_array": "attributes", "index": bad[0]}
        found = {"errors": [error]} if names else {}
        return json_response(status, {"message": "invalid attribute", **found})

    world.partner._track = track  # type: ignore[method-assign]


HTML = {"body": "<html>", "headers": {"content-type": "text/html"}}


class TestAnswers:
    @pytest.mark.parametrize(
        ("fault", "error", "words"),
        [
            ({"status": 400}, PayloadRejected, "HTTP 400"),
            (
                {"status": 400, "body": '{"message": "Bad", "errors": ["x"]}'},
                PayloadRejected,
                "Bad",
            ),
            ({"status": 401}, AuthenticationRejected, "users.track"),
            ({"status": 403}, AuthenticationRejected, "allowed addresses"),
            ({"status": 404}, ConfigurationRejected, "region"),
            ({"status": 429, "retry_after": 9}, Throttled, "limiting"),
            ({"status": 500}, TransientFailure, "HTTP 500"),
            ({"status": 503}, TransientFailure, "HTTP 503"),
            ({"status": 302}, TransientFailure, "redirect"),
            ({"status": 200, **HTML}, Unconfirmed, "dashboard"),
        ],
    )
    async def test_class_of_a_response(
        self, world: World, fault: dict[str, Any], error: type[ConnectorError], words: str
    ) -> None:
        world.sandbox.faults.add({"kind": "status", **fault})
        with pytest.raises(error, match=words):
            await world.run(braze_call(), [user(0)])

    async def test_202_in_maintenance_is_a_success(self, world: World) -> None:
        world.sandbox.faults.add({"kind": "status", "status": 202, "body": '{"message": "queued"}'})
        assert await world.run(braze_call(), [user(0)]) == Receipts()

    async def test_a_throttle_waits_until_the_window_ends(self, world: World) -> None:
        reset = str(int(ATTEMPTED.timestamp()) + 90)
        world.sandbox.faults.add(
            {"kind": "status", "status": 429, "headers": {"x-ratelimit-reset": reset}}
        )
        with pytest.raises(Throttled) as caught:
            await world.run(braze_call(), [user(0)])
        assert caught.value.retry_after is not None
        assert caught.value.retry_after.total_seconds() == 90


class TestCheck:
    async def test_the_key_and_the_group(self, world: World) -> None:
        assert (await world.connector.check({})).ok
        result = await world.connector.check({"segment_id": DEFAULT_GROUP})
        assert result.ok
        assert "subscription.status.set" in result.warnings[0]
        assert world.partner.users == {}

    async def test_an_id_that_comes_back_in_other_letters_is_no_fault(self, world: World) -> None:
        world.sandbox.faults.add({"kind": "reformat"})
        assert (await world.connector.check({"segment_id": DEFAULT_GROUP})).ok
        asked = [one for one in world.requests() if one[0] == "GET"]
        answers = [one["response_body"] for one in world.sandbox.recorder.listed("braze", 10)]
        assert len(asked) == 1
        assert any('"status":{"' in answer and answer.upper() != answer for answer in answers)

    async def test_reports_the_fault(self, world: World) -> None:
        result = await world.connector.check({"segment_id": "no-such-group"})
        assert not result.ok
        assert "subscription group" in result.message
        world.partner.keys.clear()
        result = await world.connector.check({})
        assert not result.ok
        assert "users.track" in result.message


class TestSettings:
    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("rest.iad-01.braze.com", "full URL with https://"),
            (
                "https://dashboard-01.braze.com",
                "REST endpoint of that instance is https://rest.iad-01.braze.com",
            ),
            ("https://dashboard-02.braze.eu", "https://rest.fra-02.braze.eu"),
            ("https://rest.iad-01.braze.com/users", "without a path"),
            ("http://rest.iad-01.braze.com", "https://"),
            ("https://rest.iad-01.braze.co", "REST endpoint of Braze"),
            ("https://evil.example", "REST endpoint of Braze"),
            ("https://k:v@rest.iad-01.braze.com", "without a path"),
        ],
    )
    def test_common_mistakes_are_explained(self, url: str, words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            BrazeSettings.model_validate({"api_key": "k", "rest_endpoint": url})

    @pytest.mark.parametrize(
        "url", ["https://rest.fra-01.braze.eu/", "https://rest.us-11.braze.com"]
    )
    def test_a_trailing_slash_is_removed(self, url: str) -> None:
        made = BrazeSettings.model_validate({"api_key": "k", "rest_endpoint": url})
        assert made.rest_endpoint == url.rstrip("/")

    @pytest.mark.parametrize(
        "given",
        [
            {"attribute_name": "email"},
            {"attribute_name": "$x"},
            {"batch_size": 76},
            {"segment_id": "a b"},
        ],
    )
    def test_connection_settings(self, given: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            BrazeConnectionSettings.model_validate(given)

    @pytest.mark.parametrize(
        ("settings", "constants", "expected"),
        [
            ({}, {}, 50),
            ({"batch_size": 75}, {}, 75),
            ({"batch_size": 75, "segment_id": "g"}, {}, 50),
            ({}, {"batch_size": 500}, 75),
        ],
    )
    def test_rows_in_one_call(
        self, settings: dict[str, Any], constants: dict[str, Any], expected: int
    ) -> None:
        assert BrazeConnector.rows_per_call(None, settings, constants) == expected
