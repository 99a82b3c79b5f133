"""Signed messages that an attacker holds: changed, moved, repeated; and headers that would stand for the signed ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.connectors.destinations.webhook.connector import WebhookConnector
from app.connectors.destinations.webhook.payloads import signed_headers
from app.connectors.destinations.webhook.settings import WebhookSettings, new_secret, signing_key
from app.connectors.errors import ConfigurationRejected
from app.core import clock
from app.sandbox.receiver import WebhookReceiver
from app.sandbox.sandbox import Sandbox
from tests.attack.accounts import attack, figures
from tests.unit.connectors.create import create_call, create_delivery, create_tools

SECRET, OLD, FOREIGN = new_secret(), new_secret(), new_secret()
ID, BODY = "syn_1-1-0-2", b'{"type":"x","data":{"n":1.5}}'
HEADERS: tuple[Mapping[str, str], ...] = (
    {"webhook-id": "x"}, {"Webhook-Signature": "v1,x"}, {"WEBHOOK-TIMESTAMP": "1"}, {"webhook_id": "x"}, {"Webhook_Signature": "v1,x"},
    {"webhook-other": "x"}, {"content-type": "text/html"}, {"Content_Type": "text/html"}, {"content-length": "1"}, {"Content_Length": "1"},
    {"transfer-encoding": "chunked"}, {"Transfer_Encoding": "chunked"}, {"host": "evil.example"}, {"connection": "webhook-id"},
    {"expect": "100-continue"}, {"upgrade": "h2c"}, {"trailer": "webhook-id"}, {"x": "a\r\nwebhook-id: x"}, {"x": "a\nb"}, {"x": "a\0b"},
    {"x\r\nwebhook-id": "x"}, {"x:": "a"}, {" webhook-id": "x"}, {"webhook-id ": "x"}, {"\u0077ebhook\u2010id": "x"}, {"x": "\u010d\u010a"},
)  # fmt: skip


def is_accepted(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether a verifier that others wrote accepts a message."""
    try:
        Webhook(secret).verify(body, dict(headers))
    except (WebhookVerificationError, UnicodeDecodeError, json.JSONDecodeError):
        return False
    return True


@attack
def test_a_changed_message_is_refused_by_an_independent_verifier() -> None:
    moment = clock.now()
    headers = signed_headers(ID, moment, BODY, [signing_key(SECRET), signing_key(OLD)])
    time, signature = headers["webhook-timestamp"], headers["webhook-signature"]
    first, second = signature.split(" ")
    assert all(is_accepted(secret, headers, BODY) for secret in (SECRET, OLD))
    assert all(
        is_accepted(SECRET, {**headers, "webhook-signature": both}, BODY)
        for both in (first, f"{second} {first}", f"v2,x {first}", f"v1a,{first[3:]} {signature}")
    )
    changed: list[tuple[Mapping[str, str], bytes]] = [
        ({"webhook-id": f"{ID}.{time}"}, BODY),  # the dot moves: id.time | time | body
        ({"webhook-id": ID[:-1]}, BODY),
        ({"webhook-id": ID.upper()}, BODY),
        ({"webhook-id": f"{ID} "}, BODY),
        ({"webhook-id": ""}, BODY),
        ({"webhook-timestamp": str(int(time) + 1)}, BODY),
        ({"webhook-timestamp": f"{time}.9e9"}, BODY),
        ({"webhook-timestamp": f"-{time}"}, BODY),
        ({"webhook-timestamp": "inf"}, BODY),
        ({}, BODY + b" "),
        ({}, BODY + BODY),
        ({}, BODY[:-1]),
        ({}, BODY.replace(b"1.5", b"1.50")),
        ({}, BODY.replace(b":", b": ")),
        ({}, json.dumps(json.loads(BODY), sort_keys=True).encode()),
        ({}, b"\xef\xbb\xbf" + BODY),
        ({}, b""),
        ({"webhook-signature": ""}, BODY),
        ({"webhook-signature": "v1,"}, BODY),
        ({"webhook-signature": first[:-2]}, BODY),
        ({"webhook-signature": first.replace("v1,", "v1a,")}, BODY),
        ({"webhook-signature": first.swapcase()}, BODY),
    ]
    accepted = []
    for other, body in changed:
        try:
            accepted += [(other, body)] if is_accepted(SECRET, {**headers, **other}, body) else []
        except ValueError:  # the verifier does not read the signature
            continue
    for late in (timedelta(minutes=-6), timedelta(minutes=6)):
        old = signed_headers(ID, moment + late, BODY, [signing_key(SECRET)])
        accepted += [(old, BODY)] if is_accepted(SECRET, old, BODY) else []
    assert not is_accepted(FOREIGN, headers, BODY)
    figures(f"signatures: {len(changed) + 3} changed messages, {len(accepted)} accepted")
    assert not accepted


@attack
async def test_no_header_of_a_mapping_or_an_account_stands_for_a_signed_one() -> None:
    refused = 0
    async with Sandbox([WebhookReceiver(secrets={"*": [SECRET]})]) as sandbox, create_tools() as tools:  # fmt: skip
        url = sandbox.urls["webhook"] + "/hook"
        connector = WebhookConnector(WebhookSettings.model_validate({"url": url, "secret": SECRET}), tools)  # fmt: skip
        for headers in HEADERS:
            with pytest.raises(ValueError, match="header"):
                WebhookSettings.model_validate({"url": url, "secret": SECRET, "headers": headers})
            call = create_call(attempted_at=clock.now(), constants={"headers": headers})
            with pytest.raises(ConfigurationRejected):
                await connector.deliver(call, [create_delivery("p1")])
            refused += 1
        assert sandbox.recorder.listed("webhook", 1) == []
    figures(f"headers: {len(HEADERS)}, {refused} refused, and no request was sent")


@attack
async def test_a_receiver_can_tell_a_repeat_from_another_message() -> None:
    async with Sandbox([WebhookReceiver(secrets={"*": [SECRET]})]) as sandbox, create_tools() as tools:  # fmt: skip
        url = sandbox.urls["webhook"] + "/hook"
        connector = WebhookConnector(WebhookSettings.model_validate({"url": url, "secret": SECRET}), tools)  # fmt: skip
        row, now = create_delivery("p1"), clock.now()
        call = create_call(attempted_at=now)
        for sent in (call, create_call(attempted_at=now + timedelta(seconds=9))):
            await connector.deliver(sent, [row])
        for notice in ("ntc_1", "ntc_1", "ntc_2"):
            await connector.notify(notice, now, now, {"event": "failed"})
        for _ in range(2):
            assert (await connector.check({})).ok
        received = sandbox.recorder.listed("webhook", 10)
    ids = [one["headers"]["webhook-id"] for one in received]
    batches, notices, tests = ids[:2], ids[2:5], ids[5:]
    figures(f"repeats: {ids}")
    assert batches[0] == batches[1]
    assert received[0]["body"] == received[1]["body"]
    assert (
        received[0]["headers"]["webhook-timestamp"] != received[1]["headers"]["webhook-timestamp"]
    )
    assert notices == ["ntc_1", "ntc_1", "ntc_2"]
    assert tests[0] != tests[1]
    assert not any("." in one for one in ids)
