"""Every status with every kind of body, for each connector: a bounded number of calls, the right end, and useful words."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.connectors.addresses import OutboundPolicy
from app.connectors.base import Connector, ConnectorTools, Delivery, Pending, Receipts
from app.connectors.destinations.braze.connector import BrazeConnector
from app.connectors.destinations.braze.definition import SUBSCRIBE, TRACK_EVENT, UPDATE
from app.connectors.destinations.klaviyo.connector import KlaviyoConnector
from app.connectors.destinations.talon_one.connector import TalonOneConnector
from app.connectors.destinations.talon_one.definition import UPDATE_MANY, UPDATE_ONE
from app.connectors.destinations.webhook.connector import WebhookConnector
from app.connectors.destinations.webhook.settings import new_secret
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    PayloadRejected,
    Redirected,
    Throttled,
    TransientFailure,
    Unconfirmed,
)
from app.connectors.http import OutboundClient
from tests.unit.connectors.create import NoExports, create_call, create_delivery

HOST = "https://127.0.0.1"
ROWS = 12  # more than Klaviyo writes one by one
BODIES = ("none", "html", "wrong json", "2 MB", "cut", "slow")
CONNECTORS: dict[str, tuple[type[Connector], dict[str, Any], dict[str, Any], str, int]] = {
    "webhook": (WebhookConnector, {"url": f"{HOST}/hook", "secret": new_secret()}, {}, "member", ROWS),
    "braze": (BrazeConnector, {"api_key": "key-1234", "rest_endpoint": HOST}, {"action_id": UPDATE.id}, "external_id", ROWS),
    "braze, events": (BrazeConnector, {"api_key": "key-1234", "rest_endpoint": HOST}, {"action_id": TRACK_EVENT.id}, "external_id", ROWS),
    "braze, a group": (
        BrazeConnector, {"api_key": "key-1234", "rest_endpoint": HOST},
        {"action_id": SUBSCRIBE.id, "connection_settings": {"segment_id": "00000000-0000-4000-8000-000000000001"}},
        "external_id", ROWS,
    ),
    "talon.one": (TalonOneConnector, {"api_key": "key-1234", "base_url": HOST}, {"action_id": UPDATE_MANY.id, "target": "7"}, "customerProfileId", ROWS),
    "talon.one, one by one": (TalonOneConnector, {"api_key": "key-1234", "base_url": HOST}, {"action_id": UPDATE_ONE.id, "target": "7"}, "customerProfileId", ROWS),
    "klaviyo": (KlaviyoConnector, {"api_key": "pk_1234", "base_url": HOST}, {"target": "AbCdEf"}, "email", 3),
    "klaviyo, a job": (KlaviyoConnector, {"api_key": "pk_1234", "base_url": HOST}, {"target": "AbCdEf"}, "email", ROWS),
}  # fmt: skip
CASES = list(itertools.product(CONNECTORS, range(200, 600), BODIES))
SAMPLE = random.Random(17).sample(CASES, 500)
ENDED_BY_ROWS = (
    400,
    409,
    413,
    422,
)  # Klaviyo's refusals of single profiles are reported without their status


class Stub(httpx.AsyncBaseTransport):
    """A partner that responds to everything with one status and one kind of body."""

    def __init__(self, status: int, body: str) -> None:
        self.status, self.body, self.calls = status, body, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        headers = {"location": "https://b.example/x"} if 300 <= self.status < 400 else {}
        kind = {"html": "text/html", "none": "text/plain"}.get(self.body, "application/json")
        if self.body == "cut":
            headers["content-encoding"] = "gzip"
        headers["content-type"] = kind
        return httpx.Response(self.status, headers=headers, stream=Body(self.body))


class Body(httpx.AsyncByteStream):
    def __init__(self, kind: str) -> None:
        self.kind = kind

    async def __aiter__(self) -> AsyncIterator[bytes]:
        match self.kind:
            case "html":
                yield b"<html><h1>hello</h1></html>"
            case "wrong json":
                yield b'{"data": [null, {"id": null}], "errors": [3, {"index": "x", "source": 1}], "message": {}}'
            case "2 MB":
                for _ in range(32):
                    yield b"x" * 65536
            case "cut":
                yield gzip.compress(b'{"message": "success"}')[:-9]
            case "slow":
                yield b"{"
                await asyncio.sleep(60)
            case _:
                pass


@asynccontextmanager
async def opened(name: str, stub: Stub) -> AsyncIterator[Any]:
    connector, settings, *_ = CONNECTORS[name]
    # The deadline of a slow body counts from its status; all other bodies end at once.
    total = timedelta(seconds=0.004 if stub.body == "slow" else 5)
    async with OutboundClient(total_timeout=total, policy=OutboundPolicy(), transport=stub) as http:
        made = connector.settings_model.model_validate(settings)
        yield connector(made, ConnectorTools(http, NoExports(), "/nonexistent"))


def members(key_type: str, count: int) -> Sequence[Delivery]:
    def one(number: int) -> Delivery:
        key = f"u{number}@example.com" if key_type == "email" else f"u{number}"
        return create_delivery(key, key_type=key_type, identifiers={key_type: key})

    return [one(number) for number in range(count)]


async def ends(name: str, stub: Stub) -> Receipts | ConnectorError:
    """Do one attempt, with what it leaves pending; how it ended."""
    _, _, fields, key_type, count = CONNECTORS[name]
    deliveries, call = members(key_type, count), create_call(rows=count, **fields)
    async with opened(name, stub) as connector:
        try:
            result: Receipts | Pending = await connector.deliver(call, deliveries)
            for _ in range(3 * ROWS):
                if not isinstance(result, Pending):
                    return result
                result = await connector.resume(call, deliveries, dict(result.handle))
        except ConnectorError as error:
            return error
    raise AssertionError(
        f"{name}, HTTP {stub.status}, {stub.body}: still pending, {stub.calls} calls"
    )


async def verify(name: str, status: int, body: str) -> None:
    stub = Stub(status, body)
    end = await ends(name, stub)
    where = f"{name}, HTTP {status}, {body}: {end!r}"
    assert 1 <= stub.calls <= 3 * ROWS + 3, (where, stub.calls)
    if isinstance(end, Receipts):
        check_receipts(name, status, end, where)
        return
    assert end.message.isprintable(), where
    assert 20 < len(end.message) < 700, where
    expected = kind_of(name, status)
    assert isinstance(end, expected), (where, expected)
    if status >= 300 and not (name.startswith("klaviyo") and status in ENDED_BY_ROWS):
        assert end.http_status == status, where
    if isinstance(end, Redirected):
        assert "https://b.example/x" in end.message, where
        assert end.permanent == (status not in (302, 303, 307)), where


def check_receipts(name: str, status: int, end: Receipts, where: str) -> None:
    """Nothing counts as delivered but for the webhook's 2xx, Talon.One's 200 and 204, and Klaviyo's 204 for lists."""
    count = CONNECTORS[name][4]
    left = count - len(end.unknown) - len(end.rejected) - len(end.skipped)
    assert not end.rejected, where  # a partner that refuses everything rejects no member
    assert all(one.message for one in end.unknown.values()), where
    confirmed = (name == "webhook" and status < 300) or (
        name.startswith("talon.one") and status in (200, 204)
    )
    assert confirmed or left == 0, where


def kind_of(name: str, status: int) -> type[ConnectorError] | tuple[type[ConnectorError], ...]:
    if status < 300:
        return Unconfirmed
    if status < 400:
        return Redirected
    if status in (401, 403):
        return (
            (AuthenticationRejected, TransientFailure)
            if "klaviyo" in name
            else AuthenticationRejected
        )
    if status == 410:
        return (ConfigurationRejected, PayloadRejected)
    if status == 429:
        return Throttled
    if status in (408, 425) or status >= 500:
        return TransientFailure
    if status == 404 and "braze" in name:
        return ConfigurationRejected
    if status == 409 and name == "talon.one, one by one":
        return TransientFailure
    return PayloadRejected


async def test_a_sample_of_responses() -> None:
    wrong = []
    for case in SAMPLE:
        try:
            await verify(*case)
        except AssertionError as error:
            wrong.append(str(error)[:300])
    assert not wrong, "\n".join(wrong)


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", CONNECTORS)
async def test_every_response(name: str, body: str) -> None:
    for status in range(200, 600):
        await verify(name, status, body)
