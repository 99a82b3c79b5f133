"""A user's own PostgreSQL: a second server on loopback TCP, with a password; it can be killed, and put behind TLS."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.embedded import postgres
from app.embedded.binaries import reachable_binaries
from app.embedded.folders import ServerFolders, find_folders, make_data_dir
from tests.servers import make_reachable_folder, remove_reachable_folder, run_postgres

USER = "reader"
PASSWORD = "correct-horse-battery"
DATABASE = "shop"

_SSL_REQUEST = 80877103


class UsersDatabase:
    """The server; ``fields`` are what a dataset's source says about it."""

    def __init__(self) -> None:
        self._folder = make_reachable_folder()
        self._server_folders: ServerFolders = find_folders(
            make_data_dir(self._folder / "data"), None
        )
        self._programs = reachable_binaries(self._server_folders.account, None).postgres
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        postgres.create_cluster(self._programs, self._server_folders)
        (self._server_folders.postgres_data / "pg_hba.conf").write_text(
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n", encoding="ascii"
        )
        self.start()
        self.sql(f"CREATE DATABASE {DATABASE};", "postgres")
        self.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}';")

    @property
    def fields(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "database": DATABASE,
            "user": USER,
            "password": PASSWORD,
            "sslMode": "disable",
        }

    def start(self) -> None:
        """Start the server, also after it was killed."""
        log: IO[bytes]
        path = self._server_folders.logs / "postgres.log"
        with path.open("ab") as log:
            before = path.stat().st_size
            settings = {
                "listen_addresses": "127.0.0.1",
                "port": str(self.port),
                "fsync": "off",
            }
            (self._server_folders.postgres_data / "postmaster.pid").unlink(missing_ok=True)
            self._process = run_postgres(self._programs, self._server_folders, settings, log)
            postgres.wait_until_ready(self._process, self._server_folders, path, before)

    def kill(self) -> None:
        """End it at once, with everything that is connected to it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)

    def stop(self) -> None:
        """End it and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        remove_reachable_folder(self._folder)

    def sql(self, sql: str, database: str = DATABASE) -> str:
        """Run SQL as the superuser; what it printed."""
        command = [str(self._programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        command += [
            "-h",
            str(self._server_folders.run),
            "-p",
            str(self.port),
            "-U",
            postgres.SUPERUSER,
        ]
        done = subprocess.run(
            [*command, "-d", database],
            cwd="/",
            env=postgres.SERVER_ENVIRONMENT,
            check=False,
            capture_output=True,
            input=sql,
            text=True,
            timeout=120,
            **self._server_folders.account.popen_options(),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def active(self) -> int:
        """Queries of the role that the server works on now."""
        return int(
            self.sql(
                f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{USER}' AND state = 'active'"
            )
        )

    def connected(self) -> int:
        """Connections of the role."""
        return int(self.sql(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{USER}'"))

    def until(self, wanted: int, seconds: float = 10) -> None:
        """Wait until so many queries of the role run; AssertionError after a while."""
        deadline = time.monotonic() + seconds
        while self.active() != wanted:
            assert time.monotonic() < deadline, f"{self.active()} queries run, not {wanted}"
            time.sleep(0.05)


def certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server's TLS for a name, and its certificate in PEM, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "server.pem").write_bytes(private + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context, pem.decode()


@contextlib.asynccontextmanager
async def behind_tls(database: UsersDatabase, context: ssl.SSLContext) -> AsyncIterator[int]:
    """A port on which the server speaks TLS, as PostgreSQL does: after a request for it (this build has none itself)."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]  # a task runs this
        request = await reader.readexactly(8)
        assert int.from_bytes(request[4:]) == _SSL_REQUEST, "the client began in the clear"
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(context)
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", database.port)
        await asyncio.gather(_pipe(reader, inner_writer), _pipe(inner_reader, writer))

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
