"""Files of an S3 stand-in and an emulator of Google Cloud Storage, found by patterns and opened by version."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.connectors.errors import AuthenticationRejected, ConfigurationRejected
from app.connectors.http import OutboundClient, make_client
from app.core import clock
from app.sandbox.stores import BUCKET, Stores
from app.sources import FileMissing, FileVersion, ObjectSource, RoleUse, open_file

ROLE = RoleUse("audience-activations-ws_1", is_permitted=False)
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"  # moto wants a header
)
CSV = b"id,spent\na1,3\n"


@pytest.fixture(scope="module")
def stores() -> Iterator[dict[str, str]]:
    running = Stores()
    yield running.start()
    running.stop()


@pytest.fixture
async def http() -> AsyncIterator[OutboundClient]:
    async with make_client(
        outbound_allow="127.0.0.1", total_timeout=timedelta(seconds=10)
    ) as client:
        yield client


def put(stores: dict[str, str], kind: str, key: str, content: bytes, **headers: str) -> None:
    if kind == "s3":
        url = f"{stores['s3']}/{BUCKET}/{quote(key)}"
        headers = {"authorization": SIGNED, **headers}
        assert httpx.put(url, content=content, headers=headers).is_success
    else:
        url = f"{stores['gcs']}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(key, safe='')}"
        assert httpx.post(url, content=content, headers={"content-type": "text/csv"}).is_success


def source(stores: dict[str, str], kind: str, key: str, **more: Any) -> ObjectSource:
    if kind == "s3":
        keys = {"access_key_id": "test", "secret_access_key": "test", "region": "us-east-1"}
        fields = {"url": f"s3://{BUCKET}/{key}", "endpoint_url": stores["s3"], **keys}
    else:
        fields = {"url": f"gs://{BUCKET}/{key}", "endpoint_url": stores["gcs"]}
    return ObjectSource.model_validate({**fields, **more})


async def read(
    http: OutboundClient, wanted: ObjectSource, known: FileVersion | None = None
) -> tuple[FileVersion, bytes | None]:
    async with open_file(wanted, http, ROLE, known=known, now=clock.now()) as opened:
        if opened.response is None:
            return opened.version, None
        body = b"".join([piece async for piece in opened.pieces()])
        return opened.version, gzip.decompress(body) if opened.encoding == "gzip" else body


@pytest.mark.parametrize("kind", ["s3", "gcs"])
async def test_a_version_is_read_once(
    stores: dict[str, str], http: OutboundClient, kind: str
) -> None:
    key = "once/orders ä+%.csv"
    put(stores, kind, key, CSV)
    wanted = source(stores, kind, key)
    version, content = await read(http, wanted)
    assert content == CSV
    assert version.etag
    assert version.bytes == len(CSV)
    assert version.modified_at is not None
    assert abs(clock.now() - version.modified_at) < timedelta(minutes=2)
    assert await read(http, wanted, version) == (version, None)
    put(stores, kind, key, CSV + b"a2,4\n")
    again, content = await read(http, wanted, version)
    assert (content, again.etag == version.etag) == (CSV + b"a2,4\n", False)


@pytest.mark.walk
@pytest.mark.parametrize("kind", ["s3", "gcs"])
async def test_the_newest_file_of_a_pattern_is_read(
    stores: dict[str, str], http: OutboundClient, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "app.sources.objects.s3" if kind == "s3" else "app.sources.objects.gcs"
    monkeypatch.setattr(f"{module}._PAGE", "2")  # so that there are several pages
    for name in ("orders-1.csv", "orders-2.csv", "orders-9.txt", "other.csv", "orders-x/3.csv"):
        put(stores, kind, f"days/{name}", name.encode())
    wanted = source(stores, kind, "days/orders-*.csv")
    version, content = await read(http, wanted)
    assert content == b"orders-2.csv"
    assert version.path.endswith("/days/orders-2.csv")
    assert (await read(http, wanted, version))[1] is None
    if kind == "s3":
        await asyncio.sleep(1.1)  # its lists have whole seconds; see ``_newest`` for equal ones
    put(stores, kind, "days/orders-0 ü.csv", b"newer")
    assert (await read(http, wanted, version))[1] == b"newer"


@pytest.mark.parametrize("kind", ["s3", "gcs"])
async def test_missing_files_and_buckets(
    stores: dict[str, str], http: OutboundClient, kind: str
) -> None:
    with pytest.raises(FileMissing, match="there is no file"):
        await read(http, source(stores, kind, "nothing.csv"))
    with pytest.raises(FileMissing, match="0 files begin with 'no/such-'"):
        await read(http, source(stores, kind, "no/such-*.csv"))


async def test_a_bucket_that_is_not_there_needs_other_settings(
    stores: dict[str, str], http: OutboundClient
) -> None:
    elsewhere = source(stores, "s3", "a.csv", url="s3://elsewhere/a.csv")
    with pytest.raises(ConfigurationRejected, match="the bucket does not exist"):
        await read(http, elsewhere)


async def test_a_stored_encoding_is_said(stores: dict[str, str], http: OutboundClient) -> None:
    put(stores, "s3", "packed.csv", gzip.compress(CSV), **{"content-encoding": "gzip"})
    assert (await read(http, source(stores, "s3", "packed.csv")))[1] == CSV


async def test_too_many_files_need_a_longer_prefix(
    stores: dict[str, str], http: OutboundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sources.objects.reader.MOST_LISTED", 1)
    for name in ("1", "2"):
        put(stores, "s3", f"many/{name}.csv", CSV)
    with pytest.raises(ConfigurationRejected, match="more than 1 files that begin with 'many/'"):
        await read(http, source(stores, "s3", "many/*.csv"))


async def test_a_role_is_assumed_only_if_the_operator_permits_it(
    stores: dict[str, str], http: OutboundClient
) -> None:
    role = "arn:aws:iam::111122223333:role/activations"
    nobody = {"access_key_id": None, "secret_access_key": None, "role_arn": role}
    with pytest.raises(ConfigurationRejected, match="does not permit roles"):
        await read(http, source(stores, "s3", "a.csv", **nobody))


async def test_a_refused_key_says_that_the_file_may_be_missing(http: OutboundClient) -> None:
    from tests.unit.connectors.raw_server import plain_answer, serve

    body = b"<Error><Code>AccessDenied</Code></Error>"
    head = f"HTTP/1.1 403 Forbidden\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    async with serve(plain_answer(head + body)) as server:
        wanted = source({"s3": server.url.rstrip("/")}, "s3", "a.csv")
        with pytest.raises(AuthenticationRejected, match="may not read files there") as refused:
            await read(http, wanted)
    assert "Without s3:ListBucket" in refused.value.message
