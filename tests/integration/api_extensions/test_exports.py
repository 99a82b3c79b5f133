"""Exported files: members are uploaded, planned and exported; the files are downloaded and compared row by row."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.core import clock
from app.services.delivery import exports
from app.services.periodic import collector
from app.services.platform.platform import Platform
from tests.flow import Flow, installation
from tests.stepping import stepped

MEMBERS = [
    {
        "profile_id": f"p{number:04}",
        "email": f"p{number}@example.com",
        "orders": number,
        "total": number / 4,
        "vip": number % 3 == 0,
        "city": None if number % 5 == 0 else f"City {number % 7}",
    }
    for number in range(1500)
]


@dataclass
class Desk:
    flow: Flow
    api: httpx.AsyncClient

    async def export(
        self,
        properties: tuple[str, ...] = ("orders", "total", "vip", "city"),
        mapping: dict[str, Any] | None = None,
        **connection: Any,
    ) -> tuple[str, list[dict[str, Any]]]:
        """Activate, supply the members, and list what the sync has written."""
        activation = await self.flow.activate(
            connectionSettings=connection,
            properties=properties,
            destinationMapping={"settings": mapping} if mapping else None,
        )
        await self.flow.upload(MEMBERS)
        sync = await self.flow.quiet(activation, 60)
        assert sync.state == "complete"
        path = f"audiences/{self.flow.audience_id}/activations/{activation}/syncs/{sync.id}/exports"
        return activation, (await self.api.get(path)).json()["data"]["exports"]

    async def settings(self, **settings: Any) -> None:
        await self.flow.use_account("file-download", settings)


@pytest.fixture
async def desk(platform: Platform, client: httpx.AsyncClient) -> AsyncIterator[Desk]:
    async with installation(platform) as flow:
        await flow.sign_in(client)
        desk = Desk(stepped(flow), client)
        await desk.settings()
        yield desk


async def download(client: httpx.AsyncClient, url: str) -> httpx.Response:
    """Download without a token, as a browser does."""
    headers = {name: value for name, value in client.headers.items() if name != "authorization"}
    request = httpx.Request("GET", url, headers=headers)
    assert "authorization" not in request.headers
    return await client.send(request)


async def test_csv_is_downloaded_by_link_and_equal_to_the_membership(desk: Desk) -> None:
    _, files = await desk.export(format="csv", contents="snapshot")
    data, manifest = files
    answer = await download(desk.api, data["url"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{data["name"]}"'
    assert hashlib.sha256(answer.content).hexdigest() == data["sha256"]
    assert (len(answer.content), data["rows"]) == (data["bytes"], len(MEMBERS))
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    found = {row["profile_id"]: row for row in rows}
    assert len(found) == len(rows)
    for member in MEMBERS:
        row = found.pop(str(member["profile_id"]))
        assert row["email"] == member["email"]
        assert (int(row["orders"]), float(row["total"])) == (member["orders"], member["total"])
        assert row["vip"] == ("true" if member["vip"] else "false")
        assert row["city"] == (member["city"] or "")
    assert not found
    told = await download(desk.api, manifest["url"])
    assert told.json()["sha256"] == data["sha256"]
    assert len(told.content) == manifest["bytes"]


@pytest.mark.walk
async def test_parquet_has_the_traits_types_and_the_membership_row_by_row(desk: Desk) -> None:
    _, files = await desk.export(format="parquet")
    table = pq.read_table(pa.BufferReader((await download(desk.api, files[0]["url"])).content))
    types = {field.name: str(field.type) for field in table.schema}
    assert [types[name] for name in ("orders", "total", "vip", "city")] == [
        "int64",
        "decimal128(18, 2)",
        "bool",
        "string",
    ]
    rows = table.select(["profile_id", "email", "orders", "total", "vip", "city"]).to_pylist()
    assert sorted(rows, key=lambda row: row["profile_id"]) == MEMBERS
    assert set(table.column("action").to_pylist()) == {"entered"}


@pytest.mark.walk
async def test_links_that_were_changed_or_have_expired_open_nothing(
    desk: Desk, platform: Platform
) -> None:
    _, files = await desk.export()
    url = files[0]["url"]
    front, _, token = url.rpartition("/")
    shown, _, signature = token.partition(".")
    content = base64.urlsafe_b64decode(shown + "=" * (-len(shown) % 4))
    moment, _, key = content.decode().partition(":")
    later = base64.urlsafe_b64encode(f"{int(moment) + 1}:{key}".encode()).rstrip(b"=").decode()
    other = base64.urlsafe_b64encode(f"{moment}:{key}x".encode()).rstrip(b"=").decode()
    expired = exports.link_token(platform.keyring, key, clock.now() - timedelta(seconds=1))
    gone = exports.link_token(platform.keyring, f"{key}.gone", clock.now() + timedelta(days=1))
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    for bad in (
        f"{later}.{signature}",
        f"{other}.{signature}",
        f"{shown}.{flipped}",
        shown,
        f"{shown}.",
        f"{shown}.é",
        "..",
        expired,
        gone,
    ):
        answer = await download(desk.api, f"{front}/{bad}")
        assert answer.status_code == 404, bad
        assert answer.json()["errors"][0]["type"] == "not-found"
    assert (await download(desk.api, url)).status_code == 200
    for other in (
        f"{front}/{shown}.{signature[:-1]}",
        f"{front}/{signature}.{shown}",
        f"{front}/{token}.{token}",
        f"{front}/{token}/",
        f"{front}/{token}%00",
        f"{front}/{token}%20",
        f"{front}/{shown}=.{signature}",
        f"{front}//{token}",
        f"{front}/x/../{token}x",
        f"{front}/?token={token}",
    ):
        assert (await desk.api.get(other)).status_code == 404, other
    assert (await desk.api.head(url)).status_code == 200
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert (await desk.api.request(method, url)).status_code == 405, method


@pytest.mark.walk
async def test_files_are_kept_as_long_as_the_settings_say(desk: Desk, platform: Platform) -> None:
    await desk.settings(retention_days=2)
    activation, files = await desk.export()
    expires = datetime.fromisoformat(files[0]["expiresAt"])
    assert timedelta(days=1, hours=23) < expires - datetime.now(UTC) <= timedelta(days=2)
    folder = platform.settings.data_dir / "objects/exports" / desk.flow.space_id / activation
    paths = sorted(folder.iterdir())
    assert len(paths) == 2
    _age(paths[0], days=1.9)
    _age(paths[1], days=2.1)
    await collector.collect_files(platform)
    assert sorted(folder.iterdir()) == paths[:1]
    await desk.settings(retention_days=1)
    await collector.collect_files(platform)
    assert not list(folder.iterdir())


def _age(path: Any, *, days: float) -> None:
    moment = time.time() - days * 86_400
    os.utime(path, (moment, moment))


@pytest.mark.walk
async def test_a_sync_of_another_activation_shows_nothing(desk: Desk) -> None:
    activation, _ = await desk.export()
    other = await desk.flow.activate(enabled=False)
    sync = (await desk.flow.syncs(activation))[-1]
    path = f"audiences/{desk.flow.audience_id}/activations/{other}/syncs/{sync.id}/exports"
    assert (await desk.api.get(path)).status_code == 404


@pytest.mark.walk
async def test_columns_are_those_chosen_in_their_order_traits_that_are_not_personalised_too(
    desk: Desk,
) -> None:
    chosen = {"vip": "Very important", "profile_id": "Id", "traits.city": "City", "email": "Mail"}
    mapping = {
        "columns": chosen,
        "additional_identifiers_and_traits_columns": {"total": "Spent", "nothing": "Empty"},
    }
    _, files = await desk.export(properties=(), mapping=mapping, format="csv")
    text = (await download(desk.api, files[0]["url"])).text
    rows = csv.DictReader(io.StringIO(text))
    assert rows.fieldnames == [*chosen.values(), "Spent", "Empty"]
    by_id = {row["Id"]: row for row in rows}
    assert by_id["p0001"] == {
        "Very important": "false",
        "Id": "p0001",
        "City": "City 1",
        "Mail": "p1@example.com",
        "Spent": "0.25",
        "Empty": "",
    }
