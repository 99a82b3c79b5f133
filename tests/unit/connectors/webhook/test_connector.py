from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.connectors.base import Call, Connector, Delivery, Receipts
from app.connectors.destinations.webhook.connector import WebhookConnector
from app.connectors.destinations.webhook.payloads import signed_headers
from app.connectors.destinations.webhook.settings import WebhookSettings, new_secret, signing_key
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    PayloadRejected,
    Throttled,
    TransientFailure,
)
from app.connectors.registry import rows_per_call
from app.core import clock
from app.domain.changes import ChangeKind
from app.sandbox.receiver import WebhookReceiver
from app.sandbox.sandbox import Sandbox
from app.sandbox.server import Request, Response, json_response
from tests.unit.connectors.create import create_call, create_delivery, create_tools
from tests.unit.connectors.raw_server import read_request, serve

SECRET = new_secret()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox([WebhookReceiver(secrets={"*": [SECRET]})]) as running:
        yield running


def now_call(**changes: Any) -> Call:
    """Create a call whose attempt is now: the receiver compares it with the clock."""
    return create_call(attempted_at=clock.now(), **changes)


def settings_for(sandbox: Sandbox, **changes: Any) -> WebhookSettings:
    values = {"url": sandbox.urls["webhook"] + "/hook", "secret": SECRET, **changes}
    return WebhookSettings.model_validate(values)


async def deliver(settings: WebhookSettings, call: Call, deliveries: list[Delivery]) -> Receipts:
    async with create_tools() as tools:
        connector: Connector = WebhookConnector(settings, tools)
        receipts = await connector.deliver(call, deliveries)
    assert isinstance(receipts, Receipts)
    return receipts


def last_request(sandbox: Sandbox) -> dict[str, Any]:
    return sandbox.recorder.listed("webhook", 1)[0]


CHANGES = [
    create_delivery("p1", traits={"plan": "gold", "spent": 12.5}),
    create_delivery("p2", kind=ChangeKind.EXITED, identifiers={}),
    create_delivery("p3", kind=ChangeKind.UPDATED, fields={"data": {"a": 1}}),
]


class TestBatchForm:
    async def test_the_exact_message(self, sandbox: Sandbox) -> None:
        await deliver(settings_for(sandbox, headers={"x-key": "k"}), now_call(kind=None), CHANGES)
        request = last_request(sandbox)
        assert request["method"] == "POST"
        assert request["url"] == "/hook"
        assert request["headers"]["content-type"] == "application/json"
        assert request["headers"]["webhook-id"] == "syn_1-1-0-2"
        assert request["headers"]["x-key"] == "k"
        assert request["body"] == (
            '{"type":"audience.membership.changed","timestamp":"2026-03-01T12:00:00.000Z","data":{"spaceId":"spa_1",'
            '"audience":{"id":"aud_1","key":"vip","name":"VIP"},"activationId":"act_1","syncId":"syn_1",'
            '"mode":"incremental","seq":7,"batch":1,"batches":3,'
            '"entered":[{"id":"p1","identifiers":{"email":["p1@example.com"]},"traits":{"plan":"gold","spent":12.5}}],'
            '"exited":[{"id":"p2","identifiers":{},"traits":{}}],'
            '"updated":[{"id":"p3","identifiers":{"email":["p3@example.com"]},"traits":{},"data":{"a":1}}]}}'
        )

    async def test_an_independent_verifier_accepts_it(self, sandbox: Sandbox) -> None:
        await deliver(settings_for(sandbox), now_call(), CHANGES[:1])
        request = last_request(sandbox)
        Webhook(SECRET).verify(request["body"], request["headers"])
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(request["body"] + " ", request["headers"])

    async def test_a_retry_sends_the_same_bytes_under_the_same_id_with_a_new_timestamp(
        self, sandbox: Sandbox
    ) -> None:
        call = now_call()
        await deliver(settings_for(sandbox), call, CHANGES)
        later = replace(call, attempted_at=call.attempted_at + timedelta(seconds=60))
        await deliver(settings_for(sandbox), later, CHANGES)
        first, second = sandbox.recorder.listed("webhook", 2)
        assert first["body"] == second["body"]
        assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
        assert first["headers"]["webhook-timestamp"] != second["headers"]["webhook-timestamp"]
        stats = sandbox.services["webhook"].stats()
        assert (stats["repeats"], stats["changed_repeats"], stats["entered"]) == (1, 0, 1)

    async def test_a_resync_says_so(self, sandbox: Sandbox) -> None:
        await deliver(settings_for(sandbox), now_call(resync=True), CHANGES)
        assert json.loads(last_request(sandbox)["body"])["data"]["mode"] == "resync"

    async def test_extras_are_merged_into_the_message(self, sandbox: Sandbox) -> None:
        call = now_call(connection_settings={"extras": {"source": "crm"}})
        await deliver(settings_for(sandbox), call, CHANGES)
        assert json.loads(last_request(sandbox)["body"])["source"] == "crm"

    async def test_constants_of_the_mapping_win(self, sandbox: Sandbox) -> None:
        constants = {
            "url": sandbox.urls["webhook"] + "/other",
            "method": "PUT",
            "headers": {"x-b": "1"},
        }
        await deliver(settings_for(sandbox), now_call(constants=constants), CHANGES)
        request = last_request(sandbox)
        assert (request["method"], request["url"], request["headers"]["x-b"]) == (
            "PUT",
            "/other",
            "1",
        )

    async def test_headers_of_the_destination_are_sent_to_its_server_only(
        self, sandbox: Sandbox
    ) -> None:
        settings = settings_for(sandbox, headers={"x-key": "k"})
        own = now_call(constants={"url": sandbox.urls["webhook"] + "/other"})
        await deliver(settings, own, CHANGES)
        assert last_request(sandbox)["headers"]["x-key"] == "k"
        elsewhere = settings.model_copy(update={"url": "http://127.0.0.1:9/in"})
        await deliver(
            elsewhere, replace(own, constants={**own.constants, "headers": {"x-b": "1"}}), CHANGES
        )
        headers = last_request(sandbox)["headers"]
        assert "x-key" not in headers
        assert headers["x-b"] == "1"

    async def test_constants_may_not_forge_a_signature(self, sandbox: Sandbox) -> None:
        with pytest.raises(ConfigurationRejected, match="Webhook-Signature"):
            await deliver(
                settings_for(sandbox),
                now_call(constants={"headers": {"Webhook-Signature": "x"}}),
                CHANGES,
            )

    async def test_unusual_values_are_written(self, sandbox: Sandbox) -> None:
        traits = {"big": 2**70, "broken": "\ud800", "nothing": None}
        await deliver(settings_for(sandbox), now_call(), [create_delivery("p1", traits=traits)])
        item = json.loads(last_request(sandbox)["body"])["data"]["entered"][0]
        assert item["traits"] == {**traits, "broken": "?"}


class TestSingleForm:
    async def test_the_body_is_the_mapped_data(self, sandbox: Sandbox) -> None:
        settings = settings_for(sandbox, form="single")
        await deliver(settings, now_call(), [create_delivery("p1", fields={"data": {"who": "p1"}})])
        assert last_request(sandbox)["body"] == '{"who":"p1"}'

    async def test_without_a_mapping_it_is_the_event(self, sandbox: Sandbox) -> None:
        settings = settings_for(sandbox, form="single")
        delivery = create_delivery(
            "p1", identifiers={"user_id": ["u0", "u1"]}, traits={"plan": "gold"}
        )
        await deliver(settings, now_call(), [delivery])
        event = json.loads(last_request(sandbox)["body"])
        assert (event["type"], event["event"], event["userId"]) == (
            "track",
            "Audience Entered",
            "u1",
        )
        assert event["properties"] == {"plan": "gold", "vip": True}
        assert event["context"]["personas"]["computation_key"] == "vip"
        assert sandbox.services["webhook"].members("vip") is not None

    @pytest.mark.parametrize(
        ("settings", "constants", "expected"),
        [
            ({"form": "single", "batch_size": 50}, {}, 1),
            ({}, {}, 100),
            ({"batch_size": 0}, {}, 1),
            ({"batch_size": 250}, {}, 250),
            ({"batch_size": 250}, {"batch_size": 1000}, 1000),
            ({}, {"batch_size": 10**9}, 10_000),
            ({}, {"batch_size": 0}, 1),
        ],
    )
    def test_rows_in_one_call(
        self, settings: dict[str, Any], constants: dict[str, Any], expected: int
    ) -> None:
        made = WebhookSettings.model_validate(
            {"url": "https://a.example", "secret": SECRET, **settings}
        )
        assert rows_per_call(WebhookConnector, made, {}, constants) == expected


class TestSecrets:
    async def test_both_secrets_sign_while_rotating(self, sandbox: Sandbox) -> None:
        fresh = new_secret()
        settings = settings_for(sandbox, secret=fresh, previous_secret=SECRET)
        await deliver(settings, now_call(), CHANGES)
        request = last_request(sandbox)
        assert len(request["headers"]["webhook-signature"].split()) == 2
        for secret in (fresh, SECRET):
            Webhook(secret).verify(request["body"], request["headers"])

    async def test_the_old_one_no_longer_signs_after_its_time(self, sandbox: Sandbox) -> None:
        settings = settings_for(
            sandbox,
            secret=new_secret(),
            previous_secret=SECRET,
            previous_secret_expires_at=clock.now() - timedelta(seconds=1),
        )
        with pytest.raises(AuthenticationRejected):
            await deliver(settings, now_call(), CHANGES)

    def test_a_known_signature(self) -> None:
        headers = signed_headers(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            clock.from_wire("2021-02-25T14:17:10Z"),
            b'{"test": 2432232314}',
            [signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        )
        assert headers["webhook-timestamp"] == "1614262630"
        signed = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            clock.from_wire("2021-02-25T14:17:10Z"),
            '{"test": 2432232314}',
        )
        assert headers["webhook-signature"] == signed


class TestAnswers:
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ({"status": 302, "headers": {"location": "/x"}}, TransientFailure),
            ({"status": 400}, PayloadRejected),
            ({"status": 401}, AuthenticationRejected),
            ({"status": 403}, AuthenticationRejected),
            ({"status": 404}, PayloadRejected),
            ({"status": 410}, ConfigurationRejected),
            ({"status": 413}, PayloadRejected),
            ({"status": 422}, PayloadRejected),
            ({"status": 429, "retry_after": 3}, Throttled),
            ({"status": 500}, TransientFailure),
            ({"status": 502}, TransientFailure),
            ({"status": 503, "retry_after": 3}, Throttled),
            ({"status": 503}, TransientFailure),
            ({"status": 504}, TransientFailure),
        ],
    )
    async def test_status_to_error(
        self, sandbox: Sandbox, fault: dict[str, Any], error: type[Exception]
    ) -> None:
        sandbox.faults.add({"kind": "status", **fault})
        with pytest.raises(error):
            await deliver(settings_for(sandbox), now_call(), CHANGES)
        assert sandbox.services["webhook"].lists() == []

    async def test_members_that_the_receiver_names_are_refused(self, sandbox: Sandbox) -> None:
        receiver = sandbox.services["webhook"]
        assert isinstance(receiver, WebhookReceiver)
        receiver.refused = {"p3": "unknown\nhere", "p9": "not asked"}
        receipts = await deliver(settings_for(sandbox), now_call(), CHANGES)
        assert {index: refusal.message for index, refusal in receipts.rejected.items()} == {
            2: "unknown here"
        }

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "ok",
            '{"rejected": 1}',
            '{"rejected": [1, null, {"x": 1}]}',
            '["rejected"]',
            '{"rejected":',
        ],
    )
    async def test_any_other_body_of_a_success_refuses_no_member(
        self, sandbox: Sandbox, body: str
    ) -> None:
        sandbox.faults.add({"kind": "status", "status": 202, "body": body})
        receipts = await deliver(settings_for(sandbox), now_call(), CHANGES)
        assert receipts == Receipts(http_status=202)

    @pytest.mark.parametrize(
        "fault",
        [
            {"body": "x" * 1_100_000},
            {"headers": {"content-encoding": "br"}, "body": "ok"},
            {"headers": {"content-encoding": "gzip"}, "body": "ok"},
            {"body": '{"rejected": [{"id": "p1"}], "more": "' + "x" * 1_100_000 + '"}'},
        ],
        ids=["large", "br", "no gzip", "large list"],
    )
    async def test_a_success_whose_body_cannot_be_read_is_delivered(
        self, sandbox: Sandbox, fault: dict[str, Any]
    ) -> None:
        sandbox.faults.add({"kind": "apply_then_status", "status": 200, **fault})
        receipts = await deliver(settings_for(sandbox), now_call(), CHANGES)
        assert receipts == Receipts(http_status=200)

    async def test_a_refused_message_is_divided(self, sandbox: Sandbox) -> None:
        receiver = sandbox.services["webhook"]
        accept, seen = receiver.handle, []

        def handle(request: Request) -> Response:
            seen.append(request.headers["webhook-id"])
            if b'"p7"' in request.body:
                return json_response(422, {"error": "p7 has no name"})
            return accept(request)

        receiver.handle = handle  # type: ignore[method-assign]
        members = [create_delivery(f"p{n}") for n in range(16)]
        receipts = await deliver(settings_for(sandbox), now_call(), members)
        assert list(receipts.rejected) == [7]
        assert "p7 has no name" in receipts.rejected[7].message
        assert receiver.members("act_1") is not None
        assert seen[:3] == ["syn_1-1-0-2", "syn_1-1-0-2-0-8", "syn_1-1-0-2-0-4"]
        assert len(seen) == len(set(seen)) == 9

    async def test_a_receiver_that_refuses_everything_loses_no_member(
        self, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add({"kind": "status", "status": 400})
        members = [create_delivery(f"p{n}") for n in range(100)]
        with pytest.raises(PayloadRejected):
            await deliver(settings_for(sandbox), now_call(), members)
        assert sandbox.services["webhook"].lists() == []
        assert len(sandbox.recorder.listed("webhook", 1000)) <= 25

    @pytest.mark.parametrize("repeats", [True, False])
    async def test_409_is_delivered_if_an_earlier_attempt_may_have_arrived(
        self, sandbox: Sandbox, repeats: bool
    ) -> None:
        sandbox.faults.add({"kind": "status", "status": 409})
        if repeats:
            receipts = await deliver(settings_for(sandbox), now_call(repeats=True), CHANGES)
            assert receipts == Receipts(http_status=409)
        else:
            with pytest.raises(PayloadRejected):
                await deliver(settings_for(sandbox), now_call(), CHANGES)

    async def test_a_success_that_does_not_end_is_delivered(self) -> None:
        async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n")
            await asyncio.sleep(60)

        async with serve(endless) as server, create_tools(total=0.3) as tools:
            given = WebhookSettings.model_validate({"url": server.url, "secret": SECRET})
            receipts = await WebhookConnector(given, tools).deliver(now_call(), CHANGES)
        assert receipts == Receipts(http_status=200)

    async def test_applied_then_cut_is_ambiguous_and_the_retry_is_dropped(
        self, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add({"kind": "cut", "after_bytes": 20, "times": 1})
        call = now_call()
        with pytest.raises(TransientFailure) as caught:
            await deliver(settings_for(sandbox), call, CHANGES)
        assert caught.value.ambiguous
        await deliver(settings_for(sandbox), call, CHANGES)
        stats = sandbox.services["webhook"].stats()
        assert (stats["repeats"], stats["redundant"]) == (1, 1)  # p2 left without having been there


class TestCheck:
    async def test_sends_a_test_message(self, sandbox: Sandbox) -> None:
        async with create_tools() as tools:
            result = await WebhookConnector(settings_for(sandbox), tools).check({})
        assert result.ok
        assert sandbox.services["webhook"].stats()["tests"] == 1
        assert sandbox.services["webhook"].lists() == []

    async def test_reports_the_fault(self, sandbox: Sandbox) -> None:
        async with create_tools() as tools:
            wrong = settings_for(sandbox, secret=new_secret())
            result = await WebhookConnector(wrong, tools).check({})
            assert not result.ok
            assert "refused the credentials (HTTP 401)" in result.message
            closed = settings_for(sandbox, url="https://10.0.0.1/x")
            result = await WebhookConnector(closed, tools).check({})
            assert not result.ok
            assert "ACTIVATIONS_OUTBOUND_ALLOW" in result.message


async def test_many_at_once(sandbox: Sandbox) -> None:
    settings = settings_for(sandbox)
    async with create_tools() as tools:
        connector = WebhookConnector(settings, tools)
        calls = [now_call(idempotency_key=f"syn_1-{n}-0-100", number=n) for n in range(50)]
        changes = [[create_delivery(f"p{n}-{i}") for i in range(100)] for n in range(50)]
        await asyncio.gather(
            *[connector.deliver(b, c) for b, c in zip(calls, changes, strict=True)]
        )
    members = sandbox.services["webhook"].members("act_1")
    assert members is not None
    assert len(members) == 5000
