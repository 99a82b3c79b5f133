from __future__ import annotations

import asyncio
import gzip
import resource
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from app.connectors.bodies import unread
from app.connectors.errors import (
    ConfigurationRejected,
    ConnectorError,
    Redirected,
    TransientFailure,
)
from app.connectors.http import AddressRefused, OutboundClient, make_client, raise_for_answer
from app.connectors.messages import Response
from tests.unit.connectors.certificate import make_certificate
from tests.unit.connectors.raw_server import OK, plain_answer, read_request, serve


class Direct:
    """A client whose requests take the direct path."""

    def __init__(self, http: OutboundClient) -> None:
        self._http = http

    async def request(self, method: str, url: str, *, content: bytes = b"") -> Response:
        return await self._http.call(method, url, headers={}, content=content)

    async def post(self, url: str, *, content: bytes = b"") -> Response:
        return await self.request("POST", url, content=content)

    async def get(self, url: str) -> Response:
        return await self.request("GET", url)

    async def refusal_of(self, url: str) -> str | None:
        return await self._http.refusal_of(url)


_PATH: ContextVar[str] = ContextVar("path", default="httpx")


@pytest.fixture(autouse=True, params=["httpx", "direct"])
def path(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the clients of a test send through httpx, then directly: every guarantee holds for both."""
    before = _PATH.set(request.param)
    yield
    _PATH.reset(before)


@asynccontextmanager
async def client(
    allow: str = "",
    *,
    total: float = 5,
    connect: float = 2,
    resolver: AbstractResolver | None = None,
    verify: ssl.SSLContext | None = None,
) -> AsyncIterator[OutboundClient | Direct]:
    made = make_client(
        outbound_allow=allow,
        total_timeout=timedelta(seconds=total),
        connect_timeout=timedelta(seconds=connect),
        resolver=resolver,
        verify=verify,
    )
    async with made:
        yield Direct(made) if _PATH.get() == "direct" else made


class Names(AbstractResolver):
    """A resolver that returns scripted addresses, one list per look-up."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.lookups = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        answers = self._answers[min(self.lookups, len(self._answers) - 1)]
        self.lookups += 1
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in answers
        ]

    async def close(self) -> None:
        return None


CLOSED = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

# {port} is that of a real listener on loopback, which must never be reached.
HOSTILE = [
    "http://127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/",
    "http://127.0.0.1/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0.0.1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://017700000001:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://127.0.0.2:{port}/",
    "http://127.255.255.254:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://localhost.:{port}/",
    "https://localhost:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "https://[::ffff:127.0.0.1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2001:0:7f00:1::]:{port}/",
    "http://[fe80::1]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://[fd00::1]:{port}/",
    "http://[ff02::1]:{port}/",
    "http://user@127.0.0.1:{port}/",
    "http://user:pass@127.0.0.1:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@example.com/",
    "http://127.0.0.1:{port}\\@example.com/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://127。0。0。1:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://100.100.100.200/",
    "https://10.0.0.1/",
    "https://192.168.0.1/",
    "https://172.16.0.1/",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://168.63.129.16/",
    "http:///127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "unix://127.0.0.1:{port}/",
    "http+unix://%2Ftmp%2Fsocket/",
    "ws://127.0.0.1:{port}/",
]


class TestAddressGuard:
    async def test_no_hostile_url_reaches_a_listener(self) -> None:
        assert len(HOSTILE) >= 40
        async with serve() as server, client(connect=0.5, total=1) as http:
            for form in HOSTILE:
                url = form.format(port=server.port)
                with pytest.raises(ConnectorError) as caught:
                    await http.post(url, content=b"x")
                assert isinstance(caught.value, ConfigurationRejected) or (
                    isinstance(caught.value, TransientFailure) and caught.value.code == "dns"
                ), (url, caught.value)
            assert server.accepted == 0

    async def test_an_allowed_address_is_reached(self) -> None:
        async with serve() as server, client("127.0.0.1") as http:
            response = await http.post(server.url, content=b"x")
        assert response.text == "ok"
        assert server.accepted == 1

    async def test_another_port_of_an_opened_address_stays_closed(self) -> None:
        async with serve() as server, serve() as other, client(f"127.0.0.1:{other.port}") as http:
            with pytest.raises(AddressRefused):
                await http.post(server.url)
            assert server.accepted == 0

    async def test_a_name_that_changes_its_address_is_refused_when_it_does(self) -> None:
        names = Names(["127.0.0.1"], ["10.0.0.1"])

        async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")

        async with serve(once) as server, client("127.0.0.0/8", resolver=names) as http:
            url = f"http://rebind.example:{server.port}/"
            await http.post(url)
            with pytest.raises(AddressRefused):
                await http.post(url)
            assert server.accepted == 1

    async def test_the_name_is_resolved_once_and_that_answer_is_dialled(self) -> None:
        names = Names(["127.0.0.1"], ["10.0.0.1"])
        async with serve() as server, client("127.0.0.0/8", resolver=names) as http:
            await http.post(f"http://rebind.example:{server.port}/")
        assert names.lookups == 1
        assert server.accepted == 1

    @pytest.mark.parametrize(
        "answers", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["::1", "8.8.8.8"]]
    )
    async def test_one_bad_answer_among_good_ones_refuses_the_host(
        self, answers: list[str]
    ) -> None:
        async with serve() as server, client(resolver=Names(answers)) as http:
            with pytest.raises(AddressRefused):
                await http.post(f"https://mixed.example:{server.port}/")
            with pytest.raises(AddressRefused):
                await http.post("https://mixed.example/")
            assert server.accepted == 0

    @pytest.mark.parametrize("answers", [["127.0.0.1"], ["8.8.8.8"], ["127.0.0.1", "10.0.0.1"], []])
    async def test_a_save_and_a_call_decide_equally_about_a_plain_http_name(
        self, answers: list[str]
    ) -> None:
        async with serve() as server, client("127.0.0.0/8", resolver=Names(answers)) as http:
            url = f"http://hooks.example:{server.port}/"
            refusal = await http.refusal_of(url)
            if refusal is None:
                assert (await http.post(url)).status_code == 200
            else:
                with pytest.raises(ConnectorError):
                    await http.post(url)

    async def test_an_opened_name_may_be_private(self) -> None:
        async with (
            serve() as server,
            client("hooks.internal", resolver=Names(["127.0.0.1"])) as http,
        ):
            assert (await http.post(f"http://hooks.internal:{server.port}/")).status_code == 200
            with pytest.raises(AddressRefused):
                await http.post(f"http://other.internal:{server.port}/")

    async def test_an_opened_name_opens_its_address_for_its_own_connection_only(self) -> None:
        names = Names(["127.0.0.1"])
        async with (
            serve(plain_answer(CLOSED)) as server,
            client("hooks.internal", resolver=names) as http,
        ):
            named = f"http://hooks.internal:{server.port}/"
            for _ in range(2):  # also while connections by name are open
                assert (await http.post(named)).status_code == 200
                for other in (server.url, f"http://other.internal:{server.port}/"):
                    with pytest.raises(AddressRefused):
                        await http.post(other)
            together = await asyncio.gather(
                *(http.post(url) for url in [named, server.url] * 5), return_exceptions=True
            )
            assert [isinstance(one, AddressRefused) for one in together] == [False, True] * 5
            # A plain entry opens one port of the name, not the others.
            async with client(f"hooks.internal:{server.port + 1}", resolver=names) as other_port:
                with pytest.raises(AddressRefused):
                    await other_port.post(named)

    async def test_redirects_are_not_followed(self) -> None:
        async with serve() as inner:
            target = (
                f"HTTP/1.1 302 Found\r\nlocation: {inner.url}\r\ncontent-length: 0\r\n\r\n".encode()
            )
            async with serve(plain_answer(target)) as outer, client("127.0.0.1") as http:
                response = await http.post(outer.url)
                assert response.status_code == 302
                with pytest.raises(Redirected, match=f"to {inner.url}; redirects are not followed"):
                    raise_for_answer(response)
            assert inner.accepted == 0

    async def test_the_proxy_of_the_environment_is_not_used(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with serve() as proxy, serve() as server:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
                monkeypatch.setenv(name, proxy.url)
            async with client("127.0.0.1") as http:
                await http.post(server.url)
            assert proxy.accepted == 0
            assert server.accepted == 1


class TestEncryption:
    async def test_name_indication_certificate_and_host_keep_the_name(self, tmp_path: Path) -> None:
        server_context, client_context = make_certificate(tmp_path, "hooks.example")
        seen: list[str | None] = []
        server_context.sni_callback = lambda _socket, name, _context: seen.append(name)
        heads: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append((await read_request(reader))[0])
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

        async with (
            serve(answer, context=server_context) as server,
            client("127.0.0.1", resolver=Names(["127.0.0.1"]), verify=client_context) as http,
        ):
            response = await http.post(f"https://hooks.example:{server.port}/x", content=b"1")
        assert response.status_code == 204
        assert seen == ["hooks.example"]
        assert f"host: hooks.example:{server.port}".encode() in heads[0].lower()

    async def test_a_certificate_of_another_name_is_refused_before_anything_is_sent(
        self, tmp_path: Path
    ) -> None:
        server_context, client_context = make_certificate(tmp_path, "other.example")
        async with (
            serve(OK, context=server_context) as server,
            client("127.0.0.1", resolver=Names(["127.0.0.1"]), verify=client_context) as http,
        ):
            with pytest.raises(TransientFailure) as caught:
                await http.post(f"https://hooks.example:{server.port}/", content=b"1")
        assert caught.value.code == "certificate"
        assert not caught.value.ambiguous


class TestAnswers:
    async def test_a_gzip_bomb_ends_at_one_mebibyte(self) -> None:
        packer = zlib.compressobj(9, wbits=31)
        first, other = (
            packer.compress(bytes(1024 * 1024)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
        )
        bomb = first + 299 * other  # 300 MiB of zeros
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n"
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with serve(plain_answer(head.encode() + bomb)) as server, client("127.0.0.1") as http:
            response = await http.get(server.url)
        assert (response.status_code, response.content) == (200, b"")
        assert unread(response) == "its body has more than 1 MiB"
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024

    async def test_an_endless_answer_ends_at_one_mebibyte(self) -> None:
        async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
            while True:
                writer.write(bytes(65536))
                await writer.drain()

        async with serve(endless) as server, client("127.0.0.1") as http:
            response = await http.get(server.url)
        assert unread(response) == "its body has more than 1 MiB"

    async def test_a_compressed_answer_is_read(self) -> None:
        body = gzip.compress(b'{"rejected": []}', mtime=0)
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(body)}\r\n\r\n"
        async with serve(plain_answer(head.encode() + body)) as server, client("127.0.0.1") as http:
            assert (await http.get(server.url)).text == '{"rejected": []}'

    @pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
    async def test_an_encoding_that_was_not_asked_for_is_not_read(self, encoding: str) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 2\r\n\r\nxx"
        async with serve(plain_answer(head.encode())) as server, client("127.0.0.1") as http:
            response = await http.get(server.url)
        assert unread(response) == "its body is in an encoding that was not requested"

    @pytest.mark.parametrize("status", [200, 302, 400, 401, 500])
    @pytest.mark.parametrize(
        "rest",
        [
            b"content-length: 10\r\n\r\nabc",
            b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
            b"content-encoding: gzip\r\ncontent-length: 12\r\n\r\n"
            + gzip.compress(b"abc" * 99, mtime=0)[:12],
            b"content-encoding: deflate\r\ncontent-length: 3\r\n\r\n\x00\x01\x02",
            b"transfer-encoding: chunked\r\n\r\n5\r\nab",
        ],
    )
    async def test_a_damaged_body_does_not_hide_the_status(self, status: int, rest: bytes) -> None:
        data = b"HTTP/1.1 %d Said\r\n%s" % (status, rest)
        async with serve(plain_answer(data)) as server, client("127.0.0.1") as http:
            response = await http.post(server.url, content=b"x")
        assert (response.status_code, response.content) == (status, b"")
        assert unread(response)

    @pytest.mark.parametrize(
        ("status", "rest"),
        [
            (204, b"content-length: 2\r\n\r\nok"),
            (204, b"\r\nok"),
            (204, b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
            (204, b"connection: close\r\n\r\n<html>"),
            (304, b"content-length: 2\r\n\r\nok"),
            (200, b"content-length: 2\r\n\r\nok and more"),
            (200, b"content-length: 2\r\ncontent-length: 2\r\n\r\nok"),
            (200, b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
            (200, b"transfer-encoding: chunked\r\n\r\nZZ\r\nok\r\n"),
            (503, b"a header\r\n\r\n"),
            (200, b"x: " + b"y" * 100_000 + b"\r\n\r\n"),
        ],
    )  # fmt: skip
    async def test_an_invalid_response_does_not_hide_the_status(
        self, status: int, rest: bytes
    ) -> None:
        data = b"HTTP/1.1 %d Said\r\n%s" % (status, rest)
        async with serve(plain_answer(data)) as server, client("127.0.0.1") as http:
            for _ in range(2):
                response = await http.post(server.url, content=b"x")
                assert (response.status_code, response.content) == (status, b"")
                assert unread(response) == "it is not valid HTTP"
            assert server.accepted == 2  # its connection is not used again

    @pytest.mark.parametrize(
        "data",
        [
            b"HTTP/1.1 999999 what\r\n\r\n",
            b"this is no HTTP\r\n\r\n",
            b"",
        ],
    )
    async def test_a_broken_answer_is_ambiguous(self, data: bytes) -> None:
        async with serve(plain_answer(data)) as server, client("127.0.0.1") as http:
            with pytest.raises(TransientFailure) as caught:
                await http.post(server.url, content=b"x")
        assert caught.value.ambiguous

    async def test_cookies_are_not_kept(self) -> None:
        heads: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(2):
                heads.append((await read_request(reader))[0])
                writer.write(
                    b"HTTP/1.1 200 OK\r\nset-cookie: a=b; Path=/\r\ncontent-length: 0\r\n\r\n"
                )
                await writer.drain()

        async with serve(answer) as server, client("127.0.0.1") as http:
            await http.post(server.url)
            await http.post(server.url)
        assert len(heads) == 2
        assert b"cookie" not in heads[1].lower()

    async def test_a_body_of_several_megabytes_arrives_as_it_was(self) -> None:
        bodies: list[bytes] = []
        heads: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head, body = await read_request(reader)
            heads.append(head)
            bodies.append(body)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        content = bytes(range(256)) * 20_000
        async with serve(answer) as server, client("127.0.0.1") as http:
            await http.request("DELETE", server.url, content=content)
        assert bodies == [content]
        assert b"chunked" not in heads[0].lower()


class TestTimeouts:
    async def test_a_slow_drip_ends_at_the_total_timeout(self) -> None:
        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)

        async with serve(drip) as server, client("127.0.0.1", total=0.5) as http:
            start = asyncio.get_running_loop().time()
            response = await http.post(server.url)
            assert asyncio.get_running_loop().time() - start < 1.5
        assert unread(response) == "its body did not end within 0.5 s"

    async def test_silence_ends_at_the_total_timeout(self) -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

        async with serve(silent) as server, client("127.0.0.1", total=0.3) as http:
            with pytest.raises(TransientFailure) as caught:
                await http.post(server.url)
        assert caught.value.ambiguous

    async def test_a_refused_connection_is_not_ambiguous(self) -> None:
        async with serve() as server:
            url = server.url
        async with client("127.0.0.1") as http:
            with pytest.raises(TransientFailure) as caught:
                await http.post(url)
        assert caught.value.code == "connect"
        assert not caught.value.ambiguous

    async def test_an_unknown_name_is_not_ambiguous(self) -> None:
        class Unknown(Names):
            async def resolve(
                self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
            ) -> list[ResolveResult]:
                raise socket.gaierror(socket.EAI_NONAME, "unknown")

        async with client(resolver=Unknown()) as http:
            with pytest.raises(TransientFailure) as caught:
                await http.post("https://nowhere.example/")
        assert caught.value.code == "dns"
        assert not caught.value.ambiguous

    async def test_a_cut_after_the_request_is_ambiguous(self) -> None:
        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.transport.abort()

        async with serve(cut) as server, client("127.0.0.1") as http:
            with pytest.raises(TransientFailure) as caught:
                await http.post(server.url, content=b"x")
        assert caught.value.ambiguous
        assert caught.value.code == "connection_lost"

    async def test_cancelling_is_not_turned_into_a_failure(self) -> None:
        started = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            started.set()
            await reader.read()

        async with serve(silent) as server, client("127.0.0.1") as http:
            task = asyncio.create_task(http.post(server.url))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


def test_errors_name_the_host_and_nothing_secret() -> None:
    async def run() -> ConnectorError:
        async with client() as http:
            try:
                await http.post("https://user:hunter2@10.0.0.1/path?token=hunter2")
            except ConnectorError as error:
                return error
        raise AssertionError("nothing was refused")

    error = asyncio.run(run())
    assert "hunter2" not in str(error)
