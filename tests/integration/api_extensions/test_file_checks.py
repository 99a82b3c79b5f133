"""The place of a dataset's file is asked when it is saved: what it says is a refusal or a warning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core import clock
from app.services.datasets import file_checks
from app.services.platform.platform import Platform
from tests.file_server import ServedFile
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.file_counter import Counter, open_counter

SECRET = "a-very-secret-key-of-a-user"
MONDAY = datetime(2026, 3, 2, 4, tzinfo=UTC)
CONTENT = b"id,spent\na1,3\n"


@pytest.fixture
async def counter(platform: Platform, tenant: Tenant, tmp_path: Path) -> AsyncIterator[Counter]:
    async with open_counter(platform, tenant, tmp_path) as opened:
        yield opened


async def test_what_the_place_says_is_a_refusal_or_a_warning(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_checks, "SECONDS", 0.5)
    server = counter.server

    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async def moved(writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 302 Found\r\nlocation: https://other.example/x\r\ncontent-length: 0\r\n\r\n"
        )
        await writer.drain()

    server.put("old.csv", CONTENT, clock.now() - timedelta(hours=30))
    server.files["silent.csv"] = ServedFile(script=silent)
    server.files["moved.csv"] = ServedFile(script=moved)
    expected = {
        "missing.csv": ("file_missing", "there is no file"),
        "old.csv": ("file_late", "30 hours ago"),
        "silent.csv": ("file_not_checked", "no response in 0.5 s"),
        "moved.csv": ("file_not_checked", "redirects are not followed"),
    }
    for path, (code, words) in expected.items():
        name = path.partition(".")[0]
        answer = await counter.create(name, url=server.url(path), maxAgeHours=24)
        assert answer.status_code == 200, answer.text
        (warning,) = answer.json()["data"]["warnings"]
        assert warning["code"] == code
        assert words in warning["message"]
        assert answer.headers["X-Activations-Warnings"] == "1"
    server.authorization = "Bearer right"
    answer = await counter.create("closed", url=server.url("old.csv"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "file.url"
    checked = await counter.api.get("datasets")
    assert "closed" not in checked.text
