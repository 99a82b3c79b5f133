"""Partners that turn on the service: endless and slow responses, redirects, huge headers, bombs, and broken framing."""

from __future__ import annotations

import asyncio
import gzip
import resource
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.attack.accounts import SLUGS, attack, attacked, connector, figures
from tests.unit.connectors.raw_server import RawServer, read_request, serve

SECONDS = 1.5  # that a call may take
MEBIBYTE = 1024 * 1024
JSON = b"content-type: application/json\r\n"
Writer = asyncio.StreamWriter
Answer = Callable[[Writer], Awaitable[None]]


def sent(*pieces: bytes, pause: float = 0, times: int = 1) -> Answer:
    """Return an answer that sends the first piece, and the others again and again."""

    async def send(writer: Writer) -> None:
        writer.write(pieces[0])
        for _ in range(times):
            for piece in pieces[1:]:
                writer.write(piece)
                await writer.drain()
                if pause:
                    await asyncio.sleep(pause)

    return send


def whole(status: str, body: bytes, headers: bytes = JSON) -> Answer:
    head = b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n" % (status.encode(), headers, len(body))
    return sent(head + body)


def deep(depth: int) -> bytes:
    return b'{"errors":' + b"[" * depth + b"]" * depth + b"}"


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
ZEROS = gzip.compress(bytes(64 * MEBIBYTE))
GZIP = JSON + b"content-encoding: gzip\r\n"
PIECE = b"x" * 65536
ANSWERS: dict[str, Answer] = {
    "an endless body": sent(OK + JSON + b"\r\n", PIECE, times=5000),
    "endless chunks": sent(OK + CHUNKED, b"10000\r\n" + PIECE + b"\r\n", times=5000),
    "endless headers": sent(OK, b"X-A: " + PIECE[:8000] + b"\r\n", times=5000),
    "one header of 8 MB": sent(OK + b"X-A: ", PIECE, times=128),
    "an endless status line": sent(b"HTTP/1.1 200 ", PIECE, times=500),
    "200,000 headers": sent(OK, b"a: b\r\n" * 20_000, times=10),
    "endless 1xx": sent(b"", b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n" * 100, times=5000),
    "endless 100": sent(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, times=5000),
    "101": sent(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"),
    "a header a second": sent(OK, b"a: b\r\n", pause=0.5, times=20),
    "a byte a second": sent(OK + JSON + b"content-length: 500\r\n\r\n{", b" ", pause=0.5, times=20),
    "silence": sent(b"", pause=10, times=1),
    "silence after the head": sent(OK + JSON + b"content-length: 5\r\n\r\n", b"", pause=3),
    "64 MiB in gzip": whole("200 OK", ZEROS, GZIP),
    "64 MiB in gzip, refused": whole("400 Bad Request", ZEROS, GZIP),
    "gzip, cut": whole("200 OK", ZEROS[:-9], GZIP),
    "gzip that is none": whole("200 OK", b"{}", GZIP),
    "deflate of 64 MiB": whole("500 X", zlib.compress(bytes(64 * MEBIBYTE)), JSON + b"content-encoding: deflate\r\n"),
    "ten codings": whole("200 OK", b"{}", JSON + b"content-encoding: " + b"gzip, " * 9 + b"gzip\r\n"),
    "br": whole("200 OK", b"\x8b\x01\x80{}\x03", JSON + b"content-encoding: br\r\n"),
    "100,000 brackets": whole("400 Bad Request", deep(100_000)),
    "a number of 900,000 digits": whole("400 Bad Request", b'{"errors":[{"status":' + b"9" * 900_000 + b"}]}"),
    "100,000 errors": whole("400 Bad Request", b'{"errors":[' + b'{"code":"a"},' * 75_000 + b"{}]}"),
    "an error of 900 KB": whole("400 Bad Request", b'{"errors":[{"detail":"' + b"\\u202e" * 150_000 + b'"}]}'),
    "half surrogates": whole("400 Bad Request", b'{"errors":[{"detail":"\\ud800","code":"\\ud800"}]}'),
    "control characters": whole("400 Bad Request", b'{"errors":[{"detail":"a\\u0000\\r\\n\\u001b[2Jb","code":"a\\u0000"}]}'),
    "UTF-16": whole("400 Bad Request", '{"errors":[]}'.encode("utf-16")),
    "keys that collide": whole("400 Bad Request", b"{" + b",".join(b'"%d":1' % (n * (2**61 - 1)) for n in range(30_000)) + b"}"),
    "XML entities": whole("400 Bad Request", b'<!DOCTYPE a [<!ENTITY b "' + b"b" * 1000 + b'"><!ENTITY c "' + b"&b;" * 1000 + b'"><!ENTITY d "' + b"&c;" * 1000 + b'">]><Error><Code>&d;</Code></Error>', b"content-type: application/xml\r\n"),
    "an outer XML entity": whole("400 Bad Request", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Error><Code>&b;</Code><Message>&b;</Message></Error>', b"content-type: application/xml\r\n"),
    "a redirect to itself": sent(b"HTTP/1.1 307 X\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"),
    "two lengths": sent(OK + JSON + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x"),
    "length and chunks": sent(OK + JSON + b"content-length: 2\r\n" + CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"),
    "a negative length": sent(OK + JSON + b"content-length: -1\r\n\r\n{}"),
    "a length of 10^40": sent(OK + JSON + b"content-length: 1" + b"0" * 40 + b"\r\n\r\n{}"),
    "a chunk of 2^64": sent(OK + CHUNKED + b"ffffffffffffffff\r\n{}"),
    "a chunk without a size": sent(OK + CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "HTTP/0.9": sent(b"<html>hello</html>"),
    "HTTP/2": sent(b"\0\0\x12\x04\0\0\0\0\0" + bytes(18)),
    "TLS": sent(b"\x15\x03\x01\0\x02\x02\x0a"),
    "status 000": sent(b"HTTP/1.1 000 X\r\ncontent-length: 0\r\n\r\n"),
    "status 999": sent(b"HTTP/1.1 999 X\r\ncontent-length: 0\r\n\r\n"),
    "status of letters": sent(b"HTTP/1.1 abc X\r\ncontent-length: 0\r\n\r\n"),
    "Retry-After of 10^30": sent(b"HTTP/1.1 429 X\r\nretry-after: 1" + b"0" * 30 + b"\r\ncontent-length: 0\r\n\r\n"),
    "Retry-After of -1": sent(b"HTTP/1.1 503 X\r\nretry-after: -1\r\ncontent-length: 0\r\n\r\n"),
    "Retry-After in the year 9999": sent(b"HTTP/1.1 429 X\r\nretry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\ncontent-length: 0\r\n\r\n"),
    "Retry-After of NaN": sent(b"HTTP/1.1 429 X\r\nretry-after: NaN\r\nratelimit-reset: inf\r\nx-ratelimit-remaining: -inf\r\ncontent-length: 0\r\n\r\n"),
    "a second response": sent(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
    "a cookie": sent(b"HTTP/1.1 401 X\r\nset-cookie: a=b; domain=.example.com\r\nwww-authenticate: NTLM\r\ncontent-length: 0\r\n\r\n"),
}  # fmt: skip


@attack
@pytest.mark.parametrize("slug", SLUGS)
async def test_a_hostile_response_costs_a_bounded_time_and_delivers_nothing(
    slug: str, tmp_path: Path
) -> None:
    """All responses at once, each on a connector of its own."""
    before = peak()
    ends = await asyncio.gather(*(outcome(slug, name, str(tmp_path)) for name in ANSWERS))
    grown = peak() - before
    wrong = [end for end in ends if end[1:] != ("", "")]
    figures(f"{slug}: {len(ANSWERS)} hostile responses, {len(wrong)} wrong, {grown} MiB more memory")  # fmt: skip
    assert not wrong
    assert grown < 400, "about 50 responses at once, of at most 1 MiB each"


async def outcome(slug: str, name: str, scratch: str) -> tuple[str, str, str]:
    """Let a connector check and deliver. Returns the name, what it raised or took too long for, and what it delivered."""
    began = time.monotonic()
    state: list[RawServer] = []

    async def answer(reader: asyncio.StreamReader, writer: Writer) -> None:
        await read_request(reader)
        await ANSWERS[name](writer)

    try:
        async with serve(answer) as server:
            state.append(server)
            async with connector(slug, server.url, "127.0.0.1", scratch=scratch, seconds=SECONDS) as made:  # fmt: skip
                texts = await attacked(made)
    except Exception as error:  # noqa: BLE001  the fact that is tested
        return name, f"{type(error).__name__}: {error}", ""
    calls = state[0].accepted
    slow = time.monotonic() - began > (calls + 1) * (SECONDS + 8)
    found = [text for text in texts if "root:" in text or "\x1b" in text or len(text) > 20_000]
    # A webhook's receiver confirms with its status alone.
    delivered = [text for text in texts[1:] if slug != "webhook" and is_delivered(text)]
    return name, "slow" if slow else "".join(found)[:300], "".join(delivered)[:300]


def is_delivered(text: str) -> bool:
    return text.startswith("Receipts(rejected={}, skipped={}, unknown={}")


def peak() -> int:
    """Return the highest memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
