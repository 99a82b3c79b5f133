"""Settings of datasets' files that are changed: secrets stay with their server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.services.platform.platform import Platform
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.file_counter import Counter, open_counter

SECRET = "a-very-secret-key-of-a-user"
MONDAY = datetime(2026, 3, 2, 4, tzinfo=UTC)
CONTENT = b"id,spent\na1,3\n"


@pytest.fixture
async def counter(platform: Platform, tenant: Tenant, tmp_path: Path) -> AsyncIterator[Counter]:
    async with open_counter(platform, tenant, tmp_path) as opened:
        yield opened


async def test_secrets_are_entered_again_when_their_target_changes(counter: Counter) -> None:
    server = counter.server
    server.put("orders.csv", CONTENT, MONDAY)
    server.put("other.csv", CONTENT, MONDAY)
    dataset = await counter.created(url=server.url("orders.csv"), authorization=SECRET)

    async def patch(**file: Any) -> httpx.Response:
        return await counter.api.patch(f"datasets/{dataset}", json={"file": file})

    same_server = await patch(url=server.url("other.csv"))
    assert same_server.status_code == 200, same_server.text
    elsewhere = await patch(url="https://elsewhere.example.com/orders.csv")
    assert elsewhere.status_code == 422
    assert elsewhere.json()["errors"][0]["field"] == "file.authorization"
    assert "enter it again" in elsewhere.json()["errors"][0]["message"]
    assert not any("elsewhere" in head for head in server.requests)
    without = await patch(url=server.url("orders.csv"), authorization=None)
    assert without.json()["data"]["dataset"]["file"]["authorization"] == {"set": False}
    wrong = await counter.api.patch(f"datasets/{dataset}", json={"source": {"port": 1}})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (409, "source")
    unknown = await patch(urls="x")
    assert unknown.status_code == 422
