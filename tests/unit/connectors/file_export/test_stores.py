from __future__ import annotations

import asyncio
import base64
import csv
import functools
import io
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import orjson
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from gcp_storage_emulator.server import create_server
from werkzeug.serving import make_server

from app.connectors.base import Call, ConnectorTools
from app.connectors.destinations.file_export.connector import (
    FileConnector,
    GCSConnector,
    S3Connector,
)
from app.connectors.destinations.file_export.failures import as_connector_error
from app.connectors.destinations.file_export.gcs import GCSStore
from app.connectors.destinations.file_export.s3 import S3Store
from app.connectors.destinations.file_export.settings import GCSSettings, S3Settings
from app.connectors.destinations.file_export.stores import Store
from app.connectors.destinations.file_export.targets import StoreTarget
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    Throttled,
    TransientFailure,
)
from app.connectors.http import make_client
from app.connectors.object_stores.aws import FixedKeys
from app.connectors.object_stores.google_token import NoTokens, fetch_token
from tests.unit.connectors.create import NoExports, create_call, create_delivery, create_tools
from tests.unit.connectors.file_export.create import run
from tests.unit.connectors.raw_server import plain_answer, read_request, serve

ROWS = [create_delivery(f"p{n}", traits={"plan": "gold" * 10}) for n in range(500)]


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # its import takes most of a second

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    httpx.put(f"{url}/exports", trust_env=False).raise_for_status()
    yield url
    server.stop()


@pytest.fixture(scope="module")
def gcs_url() -> Iterator[str]:
    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="exports")
    server.start()
    yield f"http://127.0.0.1:{server._api._httpd.server_address[1]}"
    server.stop()


@pytest.fixture(scope="module")
def write_only_url(s3_url: str) -> Iterator[str]:
    """The store of ``s3_url``, with a key that may put objects and nothing else."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    store = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start: Any) -> Any:
        asks = environ["REQUEST_METHOD"] in ("GET", "HEAD", "DELETE")
        if asks or "HTTP_X_AMZ_COPY_SOURCE" in environ:
            start("403 Forbidden", [("Content-Type", "application/xml")])
            said = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else said]
        return store(environ, start)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["s3", "gcs"])
def store(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, request.getfixturevalue(f"{request.param}_url")


def create_connector(
    store: tuple[str, str], tools: ConnectorTools, **changes: Any
) -> FileConnector:
    kind, url = store
    values = {"bucket": "exports", "endpoint_url": url, "prefix": "crm", **changes}
    if kind == "gcs":
        return GCSConnector(GCSSettings.model_validate(values), tools)
    keys = {"access_key_id": "k", "secret_access_key": "s", "region": "us-east-1"}
    return S3Connector(S3Settings.model_validate({**keys, **values}), tools)


def store_of(store: tuple[str, str], tools: ConnectorTools, **more: Any) -> Store:
    kind, url = store
    if kind == "gcs":
        return GCSStore(tools.http, NoTokens(), "exports", url, **more)
    return S3Store(tools.http, FixedKeys("k", "s"), "exports", "us-east-1", url, **more)


def target(store: tuple[str, str], tools: ConnectorTools, prefix: str) -> StoreTarget:
    return StoreTarget(store_of(store, tools), "exports", prefix)


def file_system(store: tuple[str, str]) -> pafs.FileSystem:
    kind, url = store
    host = url.removeprefix("http://")
    if kind == "gcs":
        return pafs.GcsFileSystem(anonymous=True, endpoint_override=host, scheme="http")
    return pafs.S3FileSystem(
        access_key="k", secret_key="s", region="us-east-1", endpoint_override=host, scheme="http"
    )


def names(store: tuple[str, str], folder: str = "exports/crm") -> list[str]:
    found = file_system(store).get_file_info(
        pafs.FileSelector(folder, recursive=True, allow_not_found=True)
    )
    return sorted(info.path.removeprefix("exports/") for info in found if info.is_file)


def content(store: tuple[str, str], name: str) -> bytes:
    with file_system(store).open_input_stream(f"exports/{name}") as stream:
        return bytes(stream.read())


def file_call(sync_id: str, **changes: Any) -> Call:
    return create_call(kind=None, count=1, sync_id=sync_id, trait_types={"plan": "text"}, **changes)


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[ConnectorTools]:
    async with create_tools(str(tmp_path)) as made:
        yield made


class TestStores:
    @pytest.mark.parametrize("format", ["csv", "parquet"])
    async def test_written_files_are_read_back(
        self, store: tuple[str, str], tools: ConnectorTools, format: str
    ) -> None:
        connector = create_connector(store, tools, format=format)
        receipts = await run(connector, file_call(f"back-{format}"), ROWS)
        name = f"crm/vip_delta_20260301T120000Z_back-{format}.{format}"
        assert receipts.exports == [f"exports/{name}", f"exports/{name}.manifest.json"]
        data = content(store, name)
        if format == "csv":
            rows = list(csv.DictReader(io.StringIO(data.decode())))
        else:
            rows = pq.read_table(io.BytesIO(data)).to_pylist()
        assert [row["profile_id"] for row in rows] == [delivery.key for delivery in ROWS]
        manifest = json.loads(content(store, name + ".manifest.json"))
        assert (manifest["rows"], manifest["bytes"]) == (500, len(data))

    async def test_a_retry_replaces_its_file(
        self, store: tuple[str, str], tools: ConnectorTools
    ) -> None:
        connector = create_connector(store, tools, prefix="repeat")
        for _ in range(2):
            await run(connector, file_call("again"), ROWS)
        assert len(names(store, "exports/repeat")) == 2

    async def test_a_file_of_several_parts_arrives(
        self, store: tuple[str, str], tools: ConnectorTools, tmp_path: Path
    ) -> None:
        path = tmp_path / "big"
        path.write_bytes(bytes(range(256)) * 50_000)  # 12.8 MB
        await target(store, tools, "big/").publish("big.csv", path)
        assert content(store, "big/big.csv") == path.read_bytes()
        assert names(store, "exports/big") == ["big/big.csv"]

    async def test_a_broken_upload_leaves_nothing_under_its_name(
        self, store: tuple[str, str], tools: ConnectorTools, tmp_path: Path
    ) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"x" * 100)
        loses: Any = store_of(store, tools)
        write = loses.write

        async def half(name: str, path: Path, size: int) -> str | None:
            await asyncio.to_thread(path.write_bytes, b"half")
            checksum: str | None = await write(name, path, 4)
            return checksum

        loses.write = half
        with pytest.raises(TransientFailure, match="4 of 100 bytes arrived"):
            await StoreTarget(loses, "exports", "broken/").publish("file.csv", path)
        assert names(store, "exports/broken") == []

    async def test_check_writes_and_deletes(
        self, store: tuple[str, str], tools: ConnectorTools
    ) -> None:
        connector = create_connector(store, tools, prefix="checked")
        assert (await connector.check({})).ok
        assert names(store, "exports/checked") == []

    async def test_a_key_that_may_only_write_is_enough(
        self, s3_url: str, write_only_url: str, tools: ConnectorTools
    ) -> None:
        connector = create_connector(("s3", write_only_url), tools, prefix="write-only")
        result = await connector.check({})
        assert result.ok
        assert "may not read and not delete" in result.message
        receipts = await run(connector, file_call("wo"), ROWS)
        name = "write-only/vip_delta_20260301T120000Z_wo.csv"
        assert receipts.exports == [f"exports/{name}", f"exports/{name}.manifest.json"]
        reader = ("s3", s3_url)
        manifest = json.loads(content(reader, name + ".manifest.json"))
        assert len(content(reader, name)) == manifest["bytes"]
        left = {"write-only/.activations-check", name, f"{name}.manifest.json"}
        assert set(names(reader, "exports/write-only")) == left

    async def test_ids_and_values_in_a_bucket_are_unaltered(
        self, store: tuple[str, str], tools: ConnectorTools
    ) -> None:
        ids = ["-Jx3k", "=7", "@ann", "+4917012345678"]
        rows = [create_delivery(one, traits={"plan": "-5"}) for one in ids]
        await run(create_connector(store, tools, prefix="machines"), file_call("m"), rows)
        name = "machines/vip_delta_20260301T120000Z_m.csv"
        found = list(csv.DictReader(io.StringIO(content(store, name).decode())))
        assert [row["profile_id"] for row in found] == ids
        assert {row["plan"] for row in found} == {"-5"}
        assert json.loads(content(store, name + ".manifest.json"))["changedCells"] == 0

    async def test_a_missing_bucket_is_reported(
        self, store: tuple[str, str], tools: ConnectorTools
    ) -> None:
        connector = create_connector(store, tools, bucket="no-such-bucket")
        result = await connector.check({})
        assert not result.ok
        assert "the bucket does not exist" in result.message
        with pytest.raises(ConfigurationRejected):
            await run(connector, file_call("x"), ROWS)

    async def test_an_endpoint_that_is_not_opened_is_not_called(
        self, store: tuple[str, str], tmp_path: Path
    ) -> None:
        async with make_client() as http:
            tools = ConnectorTools(http=http, exports=NoExports(), scratch=str(tmp_path))
            result = await create_connector(store, tools).check({})
        assert not result.ok
        assert "ACTIVATIONS_OUTBOUND_ALLOW" in result.message


class TestFailures:
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (
                OSError("When initiating multiple part upload: AWS Error NO_SUCH_BUCKET during X"),
                ConfigurationRejected,
            ),
            (FileNotFoundError("x: NOT_FOUND"), ConfigurationRejected),
            (FileNotFoundError("x"), ConfigurationRejected),
            (
                OSError("AWS Error ACCESS_DENIED during CreateMultipartUpload operation"),
                AuthenticationRejected,
            ),
            (OSError("AWS Error INVALID_ACCESS_KEY_ID"), AuthenticationRejected),
            (OSError("AWS Error SIGNATURE_DOES_NOT_MATCH"), AuthenticationRejected),
            (PermissionError("PERMISSION_DENIED"), AuthenticationRejected),
            (OSError("google::cloud::Status(UNAUTHENTICATED: x)"), AuthenticationRejected),
            (OSError("AWS Error SLOW_DOWN"), Throttled),
            (
                OSError("AWS Error NETWORK_CONNECTION during PutObject: curlCode: 28, Timeout"),
                TransientFailure,
            ),
            (OSError("google::cloud::Status(UNAVAILABLE: x)"), TransientFailure),
            (OSError(28, "No space left on device"), ConfigurationRejected),
        ],
    )
    def test_code_words(self, error: OSError, kind: type[ConnectorError]) -> None:
        assert type(as_connector_error(error, "the bucket")) is kind


@functools.cache
def private_key() -> str:
    """Make a key of a service account, once: that takes a while."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


class TestGoogleToken:
    async def test_a_signed_statement_is_exchanged(self) -> None:
        pem = private_key()
        private: Any = serialization.load_pem_private_key(pem.encode(), password=None)
        bodies: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            bodies.append((await read_request(reader))[1])
            body = b'{"access_token": "ya29.x", "expires_in": 3599}'
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

        now = datetime(2026, 1, 1, tzinfo=UTC)
        async with serve(answer) as server, create_tools() as tools:
            key = {
                "type": "service_account",
                "client_email": "me@x",
                "private_key": pem,
                "token_uri": server.url,
            }
            token, ends = await fetch_token(tools.http, json.dumps(key), now)
        assert (token, (ends - now).total_seconds()) == ("ya29.x", 3599)
        form = dict(httpx.QueryParams(bodies[0].decode()))
        head, claims, signature = form["assertion"].split(".")
        private.public_key().verify(
            _decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        assert orjson.loads(_decoded(claims)) == {
            "iss": "me@x",
            "scope": "https://www.googleapis.com/auth/devstorage.read_write",
            "aud": server.url,
            "iat": 1767225600,
            "exp": 1767229200,
        }

    @pytest.mark.walk
    async def test_a_refused_key_is_a_matter_of_credentials(self) -> None:
        refusal = plain_answer(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        async with serve(refusal) as server, create_tools() as tools:
            key = {"client_email": "me@x", "private_key": private_key(), "token_uri": server.url}
            with pytest.raises(AuthenticationRejected, match="Google refused the service account"):
                await fetch_token(tools.http, json.dumps(key), datetime(2026, 1, 1, tzinfo=UTC))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
