"""Tests of the HTTP server on a real socket, with short deadlines."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI, Request

from app.embedded import http_server
from app.embedded.http_server import DeadlineProtocol, make_server

pytestmark = pytest.mark.timeout(30)

application = FastAPI()


@application.api_route("/", methods=["GET", "POST", "PUT"])
async def length_of_body(request: Request) -> int:
    return len(await request.body())


@application.put("/early")
async def answer_early() -> str:
    return "no"


@application.get("/client")
async def client_of(request: Request) -> str:
    return request.client.host if request.client else ""


@pytest.fixture
async def address(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, int]]:
    monkeypatch.setattr(DeadlineProtocol, "header_seconds", 0.4)
    monkeypatch.setattr(DeadlineProtocol, "body_seconds", 0.8)
    async with serving() as address:
        yield address


@asynccontextmanager
async def serving(trusted_proxies: str = "") -> AsyncIterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(application, shutdown_seconds=1, trusted_proxies=trusted_proxies)
    with listener:
        task = asyncio.create_task(server._serve([listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.01)
        yield listener.getsockname()
        server.should_exit = True
        await task


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.opened = time.monotonic()

    @classmethod
    async def open(cls, address: tuple[str, int]) -> Connection:
        return cls(*await asyncio.open_connection(*address))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self) -> bytes:
        """Return all bytes until the server closes the connection."""
        received = b""
        try:
            while part := await asyncio.wait_for(self.reader.read(65536), 5):
                received += part
        except ConnectionResetError:
            pass
        self.writer.close()
        return received

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.opened


class TestHeaders:
    @pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"])
    async def test_that_do_not_come_are_cut(self, address: tuple[str, int], sent: bytes) -> None:
        connection = await Connection.open(address)
        await connection.send(sent)
        assert (await connection.rest()).startswith(b"HTTP/1.1 408")
        assert 0.3 < connection.seconds < 2

    async def test_that_drip_are_cut_as_well(self, address: tuple[str, int]) -> None:
        connection = await Connection.open(address)

        async def drip() -> None:
            await connection.send(b"GET / HTTP/1.1\r\n")
            for _ in range(50):
                await asyncio.sleep(0.05)
                await connection.send(b"a: b\r\n")

        dripping = asyncio.create_task(drip())
        assert (await connection.rest()).startswith(b"HTTP/1.1 408")
        assert connection.seconds < 2
        dripping.cancel()

    async def test_that_do_not_end_are_refused(self, address: tuple[str, int]) -> None:
        connection = await Connection.open(address)
        await connection.send(b"GET / HTTP/1.1\r\n" + b"a: " + b"b" * 70_000)
        assert b"431" in await connection.rest()
        assert connection.seconds < 0.3

    async def test_that_come_in_one_piece_are_counted_too(self, address: tuple[str, int]) -> None:
        for size, status in ((31_000, b"200"), (90_000, b"431")):
            connection = await Connection.open(address)
            rest = b"connection: close\r\n\r\n"
            await connection.send(b"GET / HTTP/1.1\r\na: " + b"b" * size + b"\r\n" + rest)
            answer = await connection.rest()
            assert answer.startswith(b"HTTP/1.1 " + status)
            assert answer.count(b"HTTP/1.1") == 1

    @pytest.mark.walk
    async def test_of_a_second_request_have_their_own_deadline(
        self, address: tuple[str, int]
    ) -> None:
        connection = await Connection.open(address)
        await connection.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await connection.reader.readuntil(b"\r\n\r\n0")
        await asyncio.sleep(0.5)  # idle, which is allowed
        await connection.send(b"GET / HT")
        assert (await connection.rest()).startswith(b"HTTP/1.1 408")


class TestForwarded:
    """``X-Forwarded-For`` counts only from proxies that an operator names."""

    @pytest.mark.parametrize(
        ("trusted", "header", "seen"),
        [
            ("", "198.51.100.7", "127.0.0.1"),
            ("10.0.0.0/8", "198.51.100.7", "127.0.0.1"),
            ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
            (
                "127.0.0.1",
                "1.2.3.4, 198.51.100.7",
                "198.51.100.7",
            ),  # the proxy appends the last one
            ("127.0.0.0/8,10.0.0.0/8", "198.51.100.7, 10.1.1.1", "198.51.100.7"),
        ],
    )
    async def test_names_the_client(self, trusted: str, header: str, seen: str) -> None:
        async with serving(trusted) as address:
            connection = await Connection.open(address)
            head = f"GET /client HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: {header}\r\n\r\n"
            await connection.send(head.encode())
            assert (await connection.rest()).endswith(f'"{seen}"'.encode())


class TestBody:
    @pytest.mark.walk
    async def test_that_does_not_come_is_cut(self, address: tuple[str, int]) -> None:
        connection = await Connection.open(address)
        await connection.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf")
        assert await connection.rest() == b""
        assert 0.7 < connection.seconds < 3

    @pytest.mark.walk
    async def test_of_an_upload_may_take_longer(self, address: tuple[str, int]) -> None:
        connection = await Connection.open(address)
        await connection.send(
            b"PUT / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\n"
        )
        for letter in b"hello":
            await asyncio.sleep(0.3)
            await connection.send(bytes([letter]))
        answer = await connection.rest()
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"5")

    @pytest.mark.walk
    async def test_of_an_answered_upload_is_not_waited_for(self, address: tuple[str, int]) -> None:
        connection = await Connection.open(address)
        await connection.send(b"PUT /early HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n")

        async def drip() -> None:
            while True:
                await connection.send(b"x")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert (await connection.rest()).startswith(b"HTTP/1.1 200")
        assert connection.seconds < 3
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)

    async def test_in_time_is_served_on_the_same_connection(self, address: tuple[str, int]) -> None:
        connection = await Connection.open(address)
        for _ in range(3):
            await connection.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody")
            assert await connection.reader.readuntil(b"\r\n\r\n4")
        await connection.send(
            b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi"
        )
        assert (await connection.rest()).endswith(b"\r\n\r\n2")


class TestManySlowClients:
    async def test_are_all_cut_and_leave_room(
        self, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Long enough that a machine that is busy opens and writes before it.
        monkeypatch.setattr(DeadlineProtocol, "header_seconds", 3.0)
        slow = []
        for _ in range(200):
            slow.append(await Connection.open(address))
            # At once: what arrives after the deadline resets the connection, and takes the answer with it.
            await slow[-1].send(b"GET / HTTP/1.1\r\n")
        good = await Connection.open(address)
        await good.send(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert (await good.rest()).endswith(b"0")
        assert good.seconds < 0.4
        for connection in slow:
            assert (await connection.rest()).startswith(b"HTTP/1.1 408")


def test_the_real_deadlines_are_those_of_the_rule() -> None:
    assert (http_server.HEADER_SECONDS, http_server.BODY_SECONDS) == (10, 60)


OFFER = b"host: a\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAE\r\n"
LENGTH = b"POST / HTTP/1.1\r\n" + OFFER + b"content-length: 5\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\n" + OFFER + b"transfer-encoding: chunked\r\n\r\n"
NO_BODY = b"GET / HTTP/1.1\r\n" + OFFER + b"\r\n"
LAST = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "lengths"),
    [
        ((LENGTH + b"hello", LAST), [5, 0]),
        ((LENGTH, b"hello", LAST), [5, 0]),
        ((LENGTH + b"he", b"llo" + LAST), [5, 0]),
        ((LENGTH[:60], LENGTH[60:] + b"hello" + LAST), [5, 0]),
        ((LENGTH + b"hello" + LENGTH + b"hello" + LAST,), [5, 5, 0]),
        ((CHUNKED + b"3\r\nhel\r\n", b"2\r\nlo\r\n0\r\n\r\n", LAST), [5, 0]),
        ((NO_BODY, LAST), [0, 0]),
        ((NO_BODY + LAST,), [0, 0]),
    ],
)
async def test_an_offer_of_http_2_loses_no_body(
    address: tuple[str, int], parts: tuple[bytes, ...], lengths: list[int]
) -> None:
    connection = await Connection.open(address)
    for part in parts:
        await connection.send(part)
        await asyncio.sleep(0.02)
    received = await connection.rest()
    assert received.count(b"HTTP/1.1 200 OK") == len(lengths), received
    bodies = [int(answer.rpartition(b"\r\n\r\n")[2]) for answer in received.split(b"HTTP/1.1")[1:]]
    assert bodies == lengths


@pytest.mark.walk
async def test_a_body_that_does_not_come_is_not_waited_for(address: tuple[str, int]) -> None:
    connection = await Connection.open(address)
    await connection.send(LENGTH + b"he")
    assert await connection.rest() == b""
