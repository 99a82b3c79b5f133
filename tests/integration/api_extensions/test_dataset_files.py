"""Datasets over files, through the API: created, changed and checked; no response contains a secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.services.platform.platform import Platform
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.file_counter import Counter, open_counter
from tests.integration.api_extensions.supply import CSV

SECRET = "a-very-secret-key-of-a-user"
S3 = {"url": "s3://shop/orders-*.csv", "accessKeyId": "AKIA", "secretAccessKey": SECRET}
MONDAY = datetime(2026, 3, 2, 4, tzinfo=UTC)
CONTENT = b"id,spent\na1,3\n"


@pytest.fixture
async def counter(platform: Platform, tenant: Tenant, tmp_path: Path) -> AsyncIterator[Counter]:
    async with open_counter(platform, tenant, tmp_path) as opened:
        yield opened


async def test_a_file_is_created_read_back_and_shows_no_secret(counter: Counter) -> None:
    counter.server.put("orders.csv", CONTENT, MONDAY)
    url = counter.server.url(f"orders.csv?sig={SECRET}")
    answer = await counter.create(url=url, authorization=f"Bearer {SECRET}", maxAgeHours=8760)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (data["warnings"], answer.headers["X-Activations-Warnings"]) == ([], "0")
    made = data["dataset"]
    assert made["kind"] == "object"
    assert made["source"] is None
    assert made["file"] == {
        "url": counter.server.url("orders.csv?sig=<hidden>"),
        "format": "csv",
        "delimiter": None,
        "charset": None,
        "maxAgeHours": 8760,
        "allowBreaking": False,
        "region": None,
        "accessKeyId": None,
        "secretAccessKey": {"set": False},
        "roleArn": None,
        "externalId": None,
        "endpointUrl": None,
        "serviceAccountJson": {"set": False},
        "authorization": {"set": True},
        "lastRead": None,
    }
    assert f"authorization: bearer {SECRET}" in counter.server.requests[-1]
    shown = (await counter.api.get(f"datasets/{made['id']}")).text
    listed = (await counter.api.get("datasets")).text
    checked = await counter.api.post(f"datasets/{made['id']}/checks")
    assert checked.json()["data"]["check"] == {
        "ok": True,
        "message": f"{counter.server.url('orders.csv')} can be read: 14 bytes, last changed at 2026-03-02T04:00:00.000Z; "
        "the next run reads it.",
        "columns": None,
        "warnings": [],
    }
    for text in (answer.text, shown, listed, checked.text):
        assert SECRET not in text
    refused = await counter.api.put(f"datasets/{made['id']}/content", content=CONTENT, headers=CSV)
    assert refused.status_code == 409
    assert "is read from its file" in refused.json()["errors"][0]["message"]


REFUSED = [
    ({}, "file.url", "required"),
    ({"url": "ftp://x/y.csv"}, "file.url", "must be s3://bucket/file"),
    ({"url": "https://files.example.com/a-*.csv"}, "file.url", "does not list its files"),
    ({**S3, "accessKeyID": "x"}, "file.accessKeyID", "accessKeyId"),
    ({**S3, "maxAgeHours": 0}, "file.maxAgeHours", "1"),
    ({**S3, "format": "xlsx"}, "file.format", "parquet"),
    ({**S3, "url": "s3://shop/orders"}, "file", "format is required"),
    ({"url": "s3://shop/orders.csv"}, "file", "set accessKeyId"),
    ({**S3, "authorization": "x"}, "file", "authorization is for https:// only"),
    ({**S3, "delimiter": "letters"}, "file.delimiter", "comma"),
    ({**S3, "charset": "utf-9"}, "file.charset", "windows-1252"),
    (
        {**S3, "endpointUrl": "https://store.example.com?key=x"},
        "file.endpointUrl",
        "not in the right form",
    ),
    (
        {"url": S3["url"], "roleArn": "arn:aws:iam::111122223333:role/x"},
        "file.roleArn",
        "ACTIVATIONS_S3_ROLES",
    ),
    ({**S3, "endpointUrl": "http://10.1.2.3"}, "file.url", "may not be called"),
    ({**S3, "endpointUrl": "http://169.254.169.254"}, "file.url", "may not be called"),
    ({"url": "gs://shop/a.csv", "serviceAccountJson": "{}"}, "file.serviceAccountJson", "account"),
]


@pytest.mark.parametrize(("file", "field", "words"), REFUSED)
async def test_settings_that_cannot_work_are_refused(
    counter: Counter, file: dict[str, Any], field: str, words: str
) -> None:
    answer = await counter.create(**file)
    error = answer.json()["errors"][0]
    assert answer.status_code == 422, answer.text
    assert error["field"] == field
    assert words.lower() in error["message"].lower()
    assert SECRET not in answer.text


async def test_kind_and_settings_belong_together(counter: Counter) -> None:
    for body, field in (
        ({"name": "a", "kind": "object"}, "file"),
        ({"name": "a", "kind": "upload", "file": S3}, "file"),
        ({"name": "a", "kind": "object", "file": S3, "source": {"host": "x"}}, "source"),
    ):
        answer = await counter.api.post("datasets", json=body)
        assert answer.status_code == 422
        assert str(answer.json()["errors"][0]["field"]).startswith(field)
