"""A minimal HTTP receiver in a separate process that only counts messages and bytes.

``python -m benchmarks.sink`` prints its port; ``GET /`` returns the counts.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httptools


class _Sink(asyncio.Protocol):
    messages = 0
    size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        _Sink.size += len(body)

    def on_message_complete(self) -> None:
        body = b"{}"
        if self.parser.get_method() == b"GET":
            body = b'{"messages": %d, "bytes": %d}' % (_Sink.messages, _Sink.size)
        else:
            _Sink.messages += 1
        assert isinstance(self.transport, asyncio.WriteTransport)
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (len(body), body)
        )


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextmanager
def sink() -> Iterator[str]:
    """Start a receiver and yield its URL; it stops at the end of the block."""
    with serving("benchmarks.sink") as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def serving(module: str) -> Iterator[int]:
    """Run a receiver as a process of its own during the block. Yields the port that it prints; it ends with its standard input."""
    process = subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve())
