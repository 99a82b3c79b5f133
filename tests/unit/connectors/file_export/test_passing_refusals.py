"""Refusals of the services that give keys, which say nothing about the key that asks: they pass."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from app.connectors.errors import ConnectorError, Throttled, TransientFailure
from app.connectors.object_stores.aws import RoleKeys
from app.connectors.object_stores.google_token import fetch_token
from tests.unit.connectors.create import create_tools
from tests.unit.connectors.file_export.test_stores import private_key
from tests.unit.connectors.raw_server import plain_answer, serve


def refusal(status: int, body: str) -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n"
    return (head + body).encode()


# https://github.com/jlevers/selling-partner-api/issues/278
THROTTLING = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message>"
    "</Error><RequestId>f9dc</RequestId></ErrorResponse>"
)


async def test_a_role_that_is_assumed_too_often_is_assumed_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOFSERVICE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with serve(plain_answer(refusal(400, THROTTLING))) as server, create_tools() as tools:
        keys = RoleKeys(tools.http, "arn:aws:iam::1:role/r", "wsp_1", "eu-west-1", server.url)
        with pytest.raises(Throttled, match="AWS STS is limiting requests"):
            await keys.current()


@pytest.mark.parametrize("status", [400, 401, 403, 500])
async def test_a_failure_of_google_is_no_refusal_of_the_key(status: int) -> None:
    answer = plain_answer(refusal(status, '{"error": "internal_failure"}'))
    async with serve(answer) as server, create_tools() as tools:
        key = {"client_email": "me@x", "private_key": private_key(), "token_uri": server.url}
        with pytest.raises(ConnectorError) as caught:
            await fetch_token(tools.http, json.dumps(key), datetime(2026, 1, 1, tzinfo=UTC))
    assert isinstance(caught.value, TransientFailure)
