"""Objects in parts, aborted uploads, roles, and responses of stores that confirm nothing."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from werkzeug.serving import make_server

from app.connectors.base import ConnectorTools
from app.connectors.destinations.file_export import s3
from app.connectors.destinations.file_export.parts import cuts
from app.connectors.destinations.file_export.s3 import Limits, S3Store
from app.connectors.destinations.file_export.stores import is_same
from app.connectors.destinations.file_export.targets import StoreTarget
from app.connectors.errors import (
    AuthenticationRejected,
    ConnectorError,
    TransientFailure,
    Unconfirmed,
)
from app.connectors.object_stores.aws import FixedKeys, RoleKeys, bucket_url
from tests.unit.connectors.create import create_tools
from tests.unit.connectors.file_export.test_stores import content, names, s3_url
from tests.unit.connectors.raw_server import plain_answer, read_request, serve

__all__ = ["s3_url"]

MIB = 1024 * 1024
SMALL = Limits(
    part=5 * MIB, copy=6 * MIB, copied_part=5 * MIB
)  # the smallest parts that a store takes
DATA = hashlib.sha256(b"seed").digest() * (11 * MIB // 32)


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[ConnectorTools]:
    async with create_tools(str(tmp_path)) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "big.csv"
    path.write_bytes(DATA)
    return path


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_WAIT", 0.0)


def store(tools: ConnectorTools, url: str, limits: Limits = SMALL) -> S3Store:
    return S3Store(tools.http, FixedKeys("k", "s"), "exports", "us-east-1", url, limits)


@contextmanager
def client(url: str) -> Iterator[Any]:
    import boto3  # type: ignore[import-untyped]  # comes with moto, without types; its import takes a third of a second

    made = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        region_name="us-east-1",
    )
    yield made
    made.close()


def uploads(url: str) -> list[str]:
    """Return the keys of unfinished uploads, without those that test_killed_upload has left in the same store."""
    with client(url) as asked:
        found = asked.list_multipart_uploads(Bucket="exports").get("Uploads", ())
        return [one["Key"] for one in found if not one["Key"].startswith("killed/")]


@contextmanager
def between(refuse: Callable[[dict[str, Any]], str | None]) -> Iterator[str]:
    """Run the store of ``s3_url`` behind a fault: what ``refuse`` returns is the response (status and body)."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    inner = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start: Any) -> Any:
        said = refuse(environ)
        if said is None:
            return inner(environ, start)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status, _, body = said.partition("\n")
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body.encode()]

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class TestParts:
    @pytest.mark.walk
    async def test_a_large_file_is_written_and_copied_in_parts_as_one_object(
        self, s3_url: str, tools: ConnectorTools, file: Path
    ) -> None:
        await StoreTarget(store(tools, s3_url), "exports", "parts/").publish("big.csv", file)
        assert content(("s3", s3_url), "parts/big.csv") == DATA
        assert names(("s3", s3_url), "exports/parts") == ["parts/big.csv"]
        assert uploads(s3_url) == []
        with client(s3_url) as asked:
            etag = asked.head_object(Bucket="exports", Key="parts/big.csv")["ETag"]
        assert etag.endswith('-3"')  # three parts of 5, 5 and 1 MiB

    def test_parts_grow_with_the_file(self) -> None:
        assert cuts(100 * 1024**3, 8 * MIB, 10_000)[0][1] > 8 * MIB
        for size in (8 * MIB + 1, 5 * 1024**3, 81 * 1024**3, 5 * 1024**4):
            pieces = cuts(size, 8 * MIB, 10_000)
            assert len(pieces) <= 10_000
            assert sum(length for _, length in pieces) == size
            assert max(length for _, length in pieces) <= 5 * 1024**3

    @pytest.mark.walk
    async def test_a_part_that_fails_once_is_sent_again(
        self, s3_url: str, tools: ConnectorTools, file: Path
    ) -> None:
        failed: list[str] = []

        def once(environ: dict[str, Any]) -> str | None:
            query = environ["QUERY_STRING"]
            if "partNumber=2" in query and not failed:
                failed.append(query)
                return "503 Slow Down\n<Error><Code>SlowDown</Code></Error>"
            return None

        with between(once) as url:
            await StoreTarget(store(tools, url), "exports", "once/").publish("big.csv", file)
        assert failed
        assert content(("s3", s3_url), "once/big.csv") == DATA

    @pytest.mark.walk
    async def test_an_upload_that_fails_is_aborted(
        self, s3_url: str, tools: ConnectorTools, file: Path
    ) -> None:
        calls: list[str] = []

        def fails(environ: dict[str, Any]) -> str | None:
            if "partNumber=3" not in environ["QUERY_STRING"]:
                return None
            calls.append(environ["QUERY_STRING"])
            return "500 Internal Server Error\n<Error><Code>InternalError</Code></Error>"

        with between(fails) as url, pytest.raises(TransientFailure):
            await StoreTarget(store(tools, url), "exports", "fails/").publish("big.csv", file)
        assert len(calls) == 3
        assert uploads(s3_url) == []
        assert names(("s3", s3_url), "exports/fails") == []

    async def test_an_upload_that_a_killed_process_left_is_aborted_by_the_next_one(
        self, s3_url: str, tools: ConnectorTools, file: Path
    ) -> None:
        with client(s3_url) as asked:
            for key in ("left/big.csv.part", "left/big.csv.part2"):
                asked.create_multipart_upload(Bucket="exports", Key=key)
        await StoreTarget(store(tools, s3_url), "exports", "left/").publish("big.csv", file)
        assert uploads(s3_url) == ["left/big.csv.part2"]  # another file's
        with client(s3_url) as asked:
            for one in asked.list_multipart_uploads(Bucket="exports")["Uploads"]:
                asked.abort_multipart_upload(
                    Bucket="exports", Key=one["Key"], UploadId=one["UploadId"]
                )

    @pytest.mark.walk
    @pytest.mark.parametrize(
        ("asked", "limits", "said"),
        [
            (
                "partNumber",
                SMALL,
                "501 Not Implemented\n<Error><Code>NotImplemented</Code></Error>",
            ),
            ("partNumber", SMALL, "403 Forbidden\n<Error><Code>AccessDenied</Code></Error>"),
            ("", Limits(), "403 Forbidden\n<Error><Code>AccessDenied</Code></Error>"),
        ],
        ids=["not in parts", "refused in parts", "refused"],
    )
    async def test_a_store_that_does_not_copy_gets_the_file_again(
        self,
        s3_url: str,
        tools: ConnectorTools,
        file: Path,
        asked: str,
        limits: Limits,
        said: str,
    ) -> None:
        def lacks(environ: dict[str, Any]) -> str | None:
            is_copy = "HTTP_X_AMZ_COPY_SOURCE" in environ
            return said if is_copy and asked in environ["QUERY_STRING"] else None

        with between(lacks) as url:
            made = StoreTarget(store(tools, url, limits), "exports", "lacks/")
            await made.publish("big.csv", file)
        assert content(("s3", s3_url), "lacks/big.csv") == DATA
        assert names(("s3", s3_url), "exports/lacks") == ["lacks/big.csv"]

    @pytest.mark.walk
    @pytest.mark.parametrize("limits", [SMALL, Limits()], ids=["in parts", "at once"])
    async def test_a_copy_begins_with_the_name_of_the_bucket(
        self, s3_url: str, tools: ConnectorTools, file: Path, limits: Limits
    ) -> None:
        def reads_literally(environ: dict[str, Any]) -> str | None:
            if environ.get("HTTP_X_AMZ_COPY_SOURCE", "x").startswith("/"):
                return "400 Bad Request\n<Error><Code>InvalidArgument</Code></Error>"
            return None

        with between(reads_literally) as url:
            made = StoreTarget(store(tools, url, limits), "exports", "literal/")
            await made.publish("big.csv", file)
        assert content(("s3", s3_url), "literal/big.csv") == DATA


@pytest.mark.walk
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("partNumber=1", "200 OK\n"),  # without an ETag
        ("uploads=", "200 OK\n<x/>"),
        ("uploadId=", "200 OK\n<Error><Code>InternalError</Code></Error>"),
        ("uploadId=", "200 OK\n"),
    ],
)
async def test_a_success_that_confirms_nothing_delivers_nothing(
    s3_url: str, tools: ConnectorTools, file: Path, query: str, said: str
) -> None:
    def answer(environ: dict[str, Any]) -> str | None:
        asked = environ["QUERY_STRING"]
        writes = environ["REQUEST_METHOD"] in ("PUT", "POST")
        return said if writes and asked.startswith(query) else None

    with between(answer) as url:
        with pytest.raises((Unconfirmed, TransientFailure)):  # also if the key may not read it back
            await store(tools, url).write("odd/big.csv", file, len(DATA))
        with pytest.raises((Unconfirmed, TransientFailure)):
            await StoreTarget(store(tools, url), "exports", "odd/").publish("big.csv", file)
    assert names(("s3", s3_url), "exports/odd") == []


async def test_a_store_that_stored_other_bytes_is_not_believed(
    tools: ConnectorTools, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    head = b'HTTP/1.1 200 OK\r\netag: "%s"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'
    for etag, kind in ((b"0" * 32, Unconfirmed), (b"", Unconfirmed)):
        async with serve(plain_answer(head % etag)) as server:
            with pytest.raises(kind):
                await store(tools, server.url).write("f", path, 5)
    md5 = hashlib.md5(b"hello").hexdigest().encode()
    for etag in (md5, b"no-md5-at-all"):
        async with serve(plain_answer(head % etag)) as server:
            assert await store(tools, server.url).write("f", path, 5) == etag.decode()


def test_checksums_of_different_forms_say_nothing() -> None:
    one, two = "0" * 32, "1" * 32
    assert is_same(one, one)
    assert not is_same(one, two)
    assert not is_same(f"{one}-2", f"{two}-2")
    for other in (None, "", "odd", f"{two}-2"):
        assert is_same(one, other)


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "body", "words", "code"),
        [
            (403, "AccessDenied", "the key may not write there", "AccessDenied"),
            (403, "SignatureDoesNotMatch", "the secret access key is wrong", "SignatureDoesNotMatch"),
            (403, "RequestTimeTooSkewed", "the clock of this service", "RequestTimeTooSkewed"),
            (404, "NoSuchBucket", "the bucket does not exist", "NoSuchBucket"),
            (400, "AuthorizationHeaderMalformed", "in another region (eu-west-1)", "AuthorizationHeaderMalformed"),
            (400, "RequestTimeout", "the upload was too slow", "RequestTimeout"),
            (503, "SlowDown", "limiting requests", "SlowDown"),
            (400, "Unknown", "refused the request with HTTP 400", "PayloadRejected"),
        ],
    )  # fmt: skip
    async def test_name_what_to_do(
        self, tools: ConnectorTools, status: int, body: str, words: str, code: str
    ) -> None:
        said = f"<Error><Code>{body}</Code><Region>eu-west-1</Region></Error>".encode()
        head = b"HTTP/1.1 %d X\r\ncontent-type: application/xml\r\ncontent-length: %d\r\n\r\n%s"
        async with serve(plain_answer(head % (status, len(said), said))) as server:
            with pytest.raises(ConnectorError) as caught:
                await store(tools, server.url).delete("f")
        assert "the S3 bucket exports" in caught.value.message
        assert words in caught.value.message
        assert caught.value.code == code

    async def test_of_another_region_name_it(self, tools: ConnectorTools) -> None:
        said = b"<Error><Code>PermanentRedirect</Code><Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint></Error>"
        head = b"HTTP/1.1 301 X\r\nx-amz-bucket-region: eu-west-1\r\ncontent-length: %d\r\n\r\n%s"
        async with serve(plain_answer(head % (len(said), said))) as server:
            with pytest.raises(
                ConnectorError, match=r"eu-west-1; it redirects to b\.s3\.eu-west-1"
            ):
                await store(tools, server.url).delete("f")


def test_addresses_of_buckets() -> None:
    assert bucket_url("b", "eu-west-1", None) == "https://b.s3.eu-west-1.amazonaws.com"
    assert bucket_url("b.c", "eu-west-1", None) == "https://s3.eu-west-1.amazonaws.com/b.c"
    assert bucket_url("b", "cn-north-1", None) == "https://b.s3.cn-north-1.amazonaws.com.cn"
    assert bucket_url("b", "x", "https://store.example/") == "https://store.example/b"


ROLE = "arn:aws:iam::123456789012:role/export"


@pytest.fixture
def _own_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOFSERVICE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-service")
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_own_identity")
class TestRoles:
    @pytest.mark.walk
    async def test_an_assumed_role_writes(
        self, s3_url: str, tools: ConnectorTools, file: Path
    ) -> None:
        keys = RoleKeys(tools.http, ROLE, "audience-activations-wsp_1", "us-east-1", s3_url + "/")
        role = S3Store(tools.http, keys, "exports", "us-east-1", s3_url, SMALL)
        await StoreTarget(role, "exports", "role/").publish("big.csv", file)
        assert content(("s3", s3_url), "role/big.csv") == DATA
        assert (await keys.current()).token
        assert await keys.current() is await keys.current()  # assumed once

    async def test_the_external_id_of_the_workspace_is_always_sent(
        self, tools: ConnectorTools
    ) -> None:
        seen: list[bytes] = []

        async def refuse(reader: Any, writer: Any) -> None:
            head, body = await read_request(reader)
            seen.extend((head, body))
            said = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
            writer.write(b"HTTP/1.1 403 X\r\ncontent-length: %d\r\n\r\n%s" % (len(said), said))

        async with serve(refuse) as server:
            keys = RoleKeys(tools.http, ROLE, "audience-activations-wsp_1", "eu-west-1", server.url)
            with pytest.raises(
                AuthenticationRejected, match="require the external id audience-act"
            ):
                await keys.current()
        assert (
            dict(httpx.QueryParams(seen[1].decode()))["ExternalId"] == "audience-activations-wsp_1"
        )
        assert b"Credential=AKIDOFSERVICE/" in seen[0]
        assert b"/eu-west-1/sts/aws4_request" in seen[0]
