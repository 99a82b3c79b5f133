"""Every status with every kind of body, for S3 and GCS: few calls, the right error, useful words, and nothing delivered."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta
from pathlib import Path

import pytest

from app.connectors.addresses import OutboundPolicy
from app.connectors.base import ConnectorTools
from app.connectors.destinations.file_export import gcs, s3
from app.connectors.destinations.file_export.connector import GCSConnector, S3Connector
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
from tests.unit.connectors.file_export.create import is_empty
from tests.unit.connectors.test_any_response import BODIES, HOST, Stub

STORES = {
    "s3": (S3Connector, {"access_key_id": "AKID", "secret_access_key": "secret-1234"}),
    "gcs": (GCSConnector, {}),
}
CASES = list(itertools.product(STORES, range(200, 600), BODIES))
SAMPLE = random.Random(17).sample(CASES, 150)


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_WAIT", 0.0)
    monkeypatch.setattr(gcs, "_WAIT", 0.0)


def kind_of(name: str, status: int) -> type[ConnectorError]:
    if status < 300:
        return Unconfirmed
    if status < 400:
        return Redirected
    if status in (401, 403):
        return AuthenticationRejected
    if status == 429:
        return Throttled
    if status in (408, 425) or status >= 500 or (name == "gcs" and status in (409, 410, 412)):
        return TransientFailure
    if status == 410 or (name == "gcs" and status == 404):
        return ConfigurationRejected
    return PayloadRejected


async def verify(name: str, status: int, body: str, scratch: Path) -> None:
    made, settings = STORES[name]
    stub = Stub(status, body)
    total = timedelta(seconds=0.02 if body == "slow" else 5)
    where = f"{name}, HTTP {status}, {body}"
    async with OutboundClient(total_timeout=total, policy=OutboundPolicy(), transport=stub) as http:
        values = {"bucket": "files", "endpoint_url": HOST, **settings}
        connector = made(
            made.settings_model.model_validate(values),
            ConnectorTools(http, NoExports(), str(scratch)),
        )
        with pytest.raises(ConnectorError) as caught:
            await connector.deliver(
                create_call(rows=2), [create_delivery("a"), create_delivery("b")]
            )
    error = caught.value
    assert 1 <= stub.calls <= 12, (where, stub.calls)
    assert isinstance(error, kind_of(name, status)), (where, error)
    assert error.message.isprintable(), where
    assert 20 < len(error.message) < 700, where
    # A file has no single changes: with these statuses, a small batch would count as refused.
    assert error.http_status not in (400, 413, 422), where
    if isinstance(error, Redirected):
        assert "https://b.example/x" in error.message, where
    assert is_empty(scratch), where


async def test_a_sample_of_responses(tmp_path: Path) -> None:
    for name, status, body in SAMPLE:
        await verify(name, status, body, tmp_path)


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", STORES)
async def test_every_response(name: str, tmp_path: Path) -> None:
    for status, body in itertools.product(range(200, 600), BODIES):
        await verify(name, status, body, tmp_path)
