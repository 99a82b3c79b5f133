"""Redis through TLS: the request limits and the queue verify the certificate and its host name."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.core.redis_client import RedisAway, RedisClient
from app.queue import Queue
from tests.flow import eventually


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate of ``localhost``, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
async def port(certificate: Path, redis_url: str) -> AsyncIterator[int]:
    """The port of a proxy that speaks TLS and passes everything to the Redis of the tests."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(urlsplit(redis_url).path)
        await asyncio.gather(
            copy(reader, inner_writer), copy(inner_reader, writer), return_exceptions=True
        )

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def reaches(url: str) -> tuple[bool, bool]:
    """Return whether the client of the request limits and the queue reach Redis."""
    client, queue = RedisClient(url, budget=1), Queue(url)
    await client.open()
    try:
        answer = await client.command("ECHO", "through TLS")
    except RedisAway:
        answer = None
    reached = await queue.ping()
    await client.close()
    await queue.close()
    return answer == b"through TLS", reached


class TestTls:
    async def test_reaches_a_server_with_a_trusted_certificate(
        self, port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert await reaches(f"rediss://localhost:{port}/0") == (True, True)

    @pytest.mark.walk
    async def test_refuses_a_certificate_for_another_host(
        self, port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert await reaches(f"rediss://127.0.0.1:{port}/0") == (False, False)

    @pytest.mark.walk
    async def test_refuses_a_certificate_that_is_not_trusted(self, port: int) -> None:
        assert await reaches(f"rediss://localhost:{port}/0") == (False, False)
        queue = Queue(f"rediss://localhost:{port}/0")

        async def named() -> bool:
            await queue.ping()
            return "self-signed certificate" in (queue.absence or "")

        await eventually(named)
        assert "SSL_CERT_FILE" in (queue.absence or "")
        await queue.close()
