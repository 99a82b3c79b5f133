"""The distribution's servers (PostgreSQL, PgBouncer, Redis), each in a temporary folder and with the settings of a test."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.embedded.accounts import Account, unprivileged_account
from app.embedded.children import die_with_parent
from tests.servers import make_reachable_folder, remove_reachable_folder

PASSWORD = "p@ss/wo:rd%?#"


def program(name: str, *places: str) -> Path:
    """Return a server's program; the test is skipped if the machine has none."""
    for pattern in places:
        for found in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True):
            if (found / name).is_file():
                return found / name
    found_in_path = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin")
    if found_in_path is None:
        pytest.skip(
            f"this machine has no {name}; apt-get install postgresql pgbouncer redis-server"
        )
    return Path(found_in_path)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the server was not ready in time"
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Return whether something accepts connections."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def certificate_for(folder: Path, host: str = "localhost") -> Path:
    """Write a self-signed certificate and its key; returns the file of the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "server.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "server.crt").write_bytes(made.public_bytes(pem))
    return folder / "server.crt"


class Server:
    """A server's process in a folder of its own, run by an unprivileged account."""

    def __init__(self) -> None:
        self.folder = make_reachable_folder()
        self.account: Account = unprivileged_account()
        self.home = self.folder / "home"
        self.home.mkdir()
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.give(self.home)

    def give(self, path: Path) -> None:
        """Make a file or folder the account's own."""
        shutil.chown(path, self.account.uid, self.account.gid)
        path.chmod(0o700 if path.is_dir() else 0o600)

    def run(self, *command: str | Path, feed: str | None = None) -> str:
        """Run a program of the server to its end."""
        done = subprocess.run(
            [str(part) for part in command],
            input=feed,
            cwd="/",
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            **self.account.popen_options(),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *command: str | Path) -> None:
        """Start the server's process; it ends with this process."""
        log: IO[bytes]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                cwd="/",
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGQUIT),
                **self.account.popen_options(),
            )

    def stop(self) -> None:
        """End the server and remove its folder."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            self.process.kill()
            self.process.wait(30)
        remove_reachable_folder(self.folder)


class Postgres(Server):
    """PostgreSQL on loopback TCP, with TLS and passwords, and on a socket without."""

    def __init__(self, **settings: str) -> None:
        super().__init__()
        self.programs = program("postgres", "/usr/lib/postgresql/*/bin").parent
        self.data = self.home / "data"
        self.run(
            self.programs / "initdb",
            f"--pgdata={self.data}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            # Text sorts as in American English, which is what hosters create
            "--locale-provider=icu",
            "--icu-locale=en-US",
            "--locale=C.UTF-8",
            "--no-sync",
        )
        self.certificate = certificate_for(self.home)
        for name in ("server.crt", "server.key"):
            self.give(self.home / name)
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n"
        )
        given = {
            "fsync": "off",
            "port": str(self.port),
            "listen_addresses": "127.0.0.1,::1",
            "unix_socket_directories": str(self.home),
            "ssl": "on",
            "ssl_cert_file": str(self.home / "server.crt"),
            "ssl_key_file": str(self.home / "server.key"),
            **settings,
        }
        options = [f"--{name}={value}" for name, value in given.items()]
        self.start(self.programs / "postgres", "-D", self.data, *options)
        until(self._answers)
        self.sql(f"CREATE ROLE service LOGIN PASSWORD '{PASSWORD}'")

    def _answers(self) -> bool:
        command = [
            str(self.programs / "pg_isready"),
            f"--host={self.home}",
            f"--port={self.port}",
        ]
        return subprocess.run(command, capture_output=True).returncode == 0

    def sql(self, text: str, database: str = "postgres") -> str:
        """Run SQL as the superuser; returns what psql prints."""
        place = [f"--host={self.home}", f"--port={self.port}", "--username=postgres"]
        options = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        return self.run(self.programs / "psql", *place, *options, f"--dbname={database}", feed=text)

    def database(self, name: str, more: str = "OWNER service") -> str:
        """Create a database; returns its name."""
        self.sql(f"CREATE DATABASE {name} {more}")
        return name


class PgBouncer(Server):
    """PgBouncer before a PostgreSQL, with few server connections, so that clients share them."""

    def __init__(self, behind: Postgres, mode: str = "transaction", **settings: str) -> None:
        super().__init__()
        (self.home / "users.txt").write_text(f'"service" "{PASSWORD}"\n"activations" ""\n')
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "plain",
            "auth_file": str(self.home / "users.txt"),
            "pool_mode": mode,
            "default_pool_size": "3" if mode == "transaction" else "40",
            "max_client_conn": "200",
            **settings,
        }
        server = f"* = host={behind.home} port={behind.port}"
        text = "[databases]\n" + server + "\n[pgbouncer]\n"
        text += "".join(f"{name} = {value}\n" for name, value in lines.items())
        (self.home / "pgbouncer.ini").write_text(text)
        for path in self.home.iterdir():
            self.give(path)
        self.start(program("pgbouncer"), self.home / "pgbouncer.ini")
        until(lambda: listens(self.port))

    def stop(self) -> None:
        """End it at once: SIGQUIT would wait for its clients."""
        if self.process is not None:
            self.process.kill()
        super().stop()


class Redis(Server):
    """Redis on loopback TCP, with the settings of a test."""

    def __init__(self, *options: str) -> None:
        super().__init__()
        self.start(
            program("redis-server"),
            "--bind",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--save",
            "",
            "--dir",
            self.home,
            *options,
        )
        until(lambda: listens(self.port))

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def say(self, *words: str) -> str:
        """Run a command by redis-cli; returns its reply."""
        return self.run(program("redis-cli"), "-p", str(self.port), *words).strip()

    def stop(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
        super().stop()


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """Stop a server at the end of the block."""
    try:
        yield server
    finally:
        server.stop()
