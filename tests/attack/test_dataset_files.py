"""Hostile places of datasets' files: addresses, redirects, bodies without end, bombs, slow servers, lies about size, lists without end."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.connectors.errors import ConfigurationRejected, ConnectorError
from app.connectors.http import AddressRefused, make_client
from app.core import clock
from app.services.platform import uploads
from app.services.platform.platform import Platform
from app.sources import ObjectSource, RoleUse, open_file
from tests.attack.accounts import CANARY, attack, figures
from tests.attack.bombs import long_value_gzip, nested_parquet
from tests.file_server import ServedFile, file_server
from tests.integration.services.datasets.file_shop import FileShop, open_file_shop, source_of
from tests.unit.connectors.raw_server import plain_answer, read_request, serve
from tests.unit.connectors.test_http import HOSTILE, Names

ROLE = RoleUse("external", is_permitted=False)
MEBIBYTE = 1024**2
KEYS = {"access_key_id": "AKID", "secret_access_key": CANARY}


def sources_at(url: str) -> list[dict[str, Any]]:
    """Return settings of each kind that call a URL."""
    return [
        {"url": url + "a.csv", "authorization": CANARY},
        {"url": "s3://files/a.csv", "endpoint_url": url.rstrip("/"), **KEYS},
        {"url": "s3://files/a-*.csv", "endpoint_url": url.rstrip("/"), **KEYS},
        {"url": "gs://files/a.csv", "endpoint_url": url.rstrip("/")},
        {"url": "gs://files/a-*.csv", "endpoint_url": url.rstrip("/")},
    ]


async def opened(fields: dict[str, Any], client: Any) -> str:
    """Open a file. Returns the message of its refusal. Fails if it can be read."""
    try:
        source = ObjectSource.model_validate(fields)
        async with open_file(source, client, ROLE, known=None, now=clock.now()):
            raise AssertionError("it was opened")
    except (ConnectorError, ValidationError) as error:
        return str(error)


@attack
async def test_no_hostile_form_of_an_address_reaches_a_listener() -> None:
    tried = 0
    async with serve() as inside, make_client(total_timeout=timedelta(seconds=2)) as client:
        for form in HOSTILE:
            url = form.format(port=inside.port)
            for written in (url, url.replace("http://", "https://", 1)):
                for fields in sources_at(written):
                    assert CANARY not in await opened(fields, client)
                    tried += 1
    figures(f"dataset files: {tried} forms of addresses, {inside.accepted} connections")
    assert inside.accepted == 0


@attack
async def test_a_name_that_changes_its_address_is_refused_when_it_is_dialled(
    platform: Platform, tmp_path: Path
) -> None:
    """The second look-up gives an address inside of the network, which the first one did not."""
    inside = replace(platform, settings=replace_allow(platform, "127.0.0.1"))
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with file_server(inside, tmp_path, names) as (trusting, server):
        server.put("a.csv", b"id\n1\n", headers={"connection": "close"})
        source = ObjectSource.model_validate({"url": server.url("a.csv")})
        async with open_file(source, trusting.http, ROLE, known=None, now=clock.now()) as found:
            assert b"".join([piece async for piece in found.pieces()]) == b"id\n1\n"
        with pytest.raises(AddressRefused):
            async with open_file(source, trusting.http, ROLE, known=None, now=clock.now()):
                pass
        assert len(server.requests) == 1


def replace_allow(platform: Platform, allow: str) -> Any:
    return platform.settings.model_copy(update={"outbound_allow": allow})


@attack
async def test_no_redirect_is_followed_and_no_secret_leaves() -> None:
    tried = 0
    async with serve() as inside:
        current = [b""]

        async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(current[0])

        async with serve(redirect) as outside:
            allowed = f"127.0.0.1:{outside.port}"
            async with make_client(
                outbound_allow=allowed, total_timeout=timedelta(seconds=2)
            ) as client:
                for status in (300, 301, 302, 303, 305, 307, 308):
                    for target in (inside.url, "http://169.254.169.254/latest/meta-data/"):
                        head = f"HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\nlocation: {target}\r\n\r\n"
                        current[0] = head.encode()
                        for fields in sources_at(outside.url)[1:]:
                            assert CANARY not in await opened(fields, client)
                            tried += 1
    figures(f"dataset files: {tried} redirects, {inside.accepted} followed")
    assert inside.accepted == 0


@pytest.fixture
async def shop(platform: Platform, tmp_path: Path) -> AsyncIterator[FileShop]:
    async with open_file_shop(platform, tmp_path) as made:
        yield made


@asynccontextmanager
async def limited(shop: FileShop, limit: int) -> AsyncIterator[FileShop]:
    """The shop with another limit of an upload's size."""
    settings = shop.platform.settings.model_copy(update={"max_upload_bytes": limit})
    flow = replace(shop.flow, platform=replace(shop.platform, settings=settings))
    yield replace(shop, flow=flow)


async def refused(
    shop: FileShop, path: str, **script: Any
) -> tuple[str, str | None, dict[str, Any]]:
    """Run over a hostile file. Returns the run's state, the file's state, and the error; no scratch file may be left."""
    if script:
        shop.server.files[path] = ServedFile(**script)
    name = path.replace(".", "_").replace("-", "_")
    await shop.dataset(shop.server.url(path), name)
    run = await shop.run(await shop.define(f"SELECT id AS profile_id FROM {name}"))
    left = [
        one for one in shop.platform.engine.scratch_file(".x").parent.iterdir() if one.is_file()
    ]
    assert left == []
    return run.state, source_of(run).get("state"), run.error or {}


@attack
async def test_a_body_without_end_stops_at_the_limit(shop: FileShop) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nid\n")
        block = b"1234567\n" * (MEBIBYTE // 8)
        for _ in range(3072):  # 3 GiB
            writer.write(block)
            await writer.drain()
            await asyncio.sleep(0)  # a lost TLS connection is told to the writer in the next turn
            if writer.is_closing():  # the client is gone, and what is written is dropped
                return
            sent += 1

    async def announced(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {3 * 1024**3}\r\n\r\nid\n".encode())
        await endless(writer)

    async with limited(shop, 64 * MEBIBYTE) as small:
        for path, script in (("endless.csv", endless), ("announced.csv", announced)):
            sent = 0
            state, found, error = await refused(small, path, script=script)
            figures(f"{path}: stopped after {sent} of 3,072 MiB")
            assert (state, found) == ("failed", "broken")
            assert "larger than 67108864 bytes" in error["message"]
            assert sent < 100
        assert sent < 20  # announced: refused before it is read


@attack
async def test_bombs_and_other_archives_end_only_their_run(shop: FileShop) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * 50 * MEBIBYTE)
    bombs = {
        "long.csv.gz": long_value_gzip(),
        "zip.csv": packed.getvalue(),
        "nested.parquet": nested_parquet(),
        "nothing.csv": b"",
        "page.csv": b"<!DOCTYPE html><html><body>Sign in</body></html>",
    }
    for path, content in bombs.items():
        state, found, error = await refused(shop, path, content=content)
        figures(f"{path}: {error['message'][:160]}")
        assert (state, found, error["code"]) == ("failed", "broken", "file_broken")


@attack
async def test_slow_and_lying_servers_are_left(
    shop: FileShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_WINDOW_SECONDS", 1.0)

    async def drips(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nid\n")
        while True:
            writer.write(b"1\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def short(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nid\n1\n2\n")
        await writer.drain()
        writer.close()

    async def large_head(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 50_000_000 + b"\r\n\r\nid\n1\n")
        await writer.drain()

    async def dumb(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    for script, code in ((drips, "file_slow"), (short, "connection_lost"), (large_head, None), (dumb, "timeout")):  # fmt: skip
        state, found, error = await refused(shop, f"{script.__name__}.csv", script=script)
        figures(f"{script.__name__}: {error['message'][:160]}")
        assert state == "new", script  # another try may help
        assert found is None
        assert code in (None, error["code"])


@attack
@pytest.mark.parametrize("scheme", ["s3", "gs"])
async def test_a_list_without_end_is_not_read_on(scheme: str) -> None:
    asked = 0
    s3 = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>"
    page = s3 if scheme == "s3" else b'{"nextPageToken": "x"}'
    head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(page)}\r\n\r\n".encode()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await plain_answer(head + page)(reader, writer)

    async with serve(endless) as server, make_client(outbound_allow="127.0.0.1") as client:
        fields = sources_at(server.url)[2 if scheme == "s3" else 4]
        source = ObjectSource.model_validate(fields)
        with pytest.raises(ConfigurationRejected, match="in more than 200 pages"):
            async with open_file(source, client, ROLE, known=None, now=clock.now()):
                pass
    assert asked == 200
