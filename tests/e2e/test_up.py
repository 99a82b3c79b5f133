"""Tests of ``activations up`` with real processes: start, readiness, all kinds of end, and restart."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from app.core.version import VERSION
from tests.commands import Commands, command_line
from tests.processes import descendants, is_running, naming
from tests.servers import make_reachable_folder, remove_reachable_folder

pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).parents[2]
Refused = Callable[..., tuple[int, str]]
NAMES = ("api", "worker", "guard", "postgres", "redis")


class Started:
    """A running ``activations up``, of the code in the folder ``code``."""

    code = ROOT

    def __init__(self, data_dir: Path, *options: str, **environment: str) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_name("log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "up", "--data", str(data_dir), *options],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.code,
                env={"PATH": os.environ["PATH"]} | environment,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        self.output = self.process.stdout
        line = self.output.readline()
        if not line:
            self.process.wait(30)
            self.output.close()
        assert line, f"no ready line; the log:\n{self.log.read_text()[-4000:]}"
        self.line: dict[str, Any] = json.loads(line)

    @property
    def pids(self) -> list[int]:
        return [self.line["pids"][name] for name in NAMES]

    @property
    def token(self) -> str:
        return Path(self.line["tokenFile"]).read_text().strip()

    def get(self, path: str, token: str | None = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            self.line["url"] + path, headers={"Authorization": f"Bearer {token or self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())

    def status(self, path: str, token: str | None = None) -> int:
        try:
            return self.get(path, token)[0]
        except (URLError, OSError):
            return 0

    def children(self) -> set[str]:
        """Return the names of its direct children."""
        found = set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = stat.read_text().rpartition(")")[2].split()[1]
                if int(parent) == self.process.pid:
                    found |= {stat.with_name("comm").read_text().strip()}
            except OSError:
                continue
        return found

    def parts(self) -> set[int]:
        """Return the ids of all its processes at this moment: some may have been restarted since the ready line."""
        roots = {self.process.pid} | naming(self.data_dir)
        return roots | descendants(*roots)

    def is_gone(self) -> bool:
        return not any(map(is_running, self.pids))

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.output.close()


def seconds_until(fact: Callable[[], bool], limit: float) -> float:
    start = time.monotonic()
    while not fact():
        assert time.monotonic() - start < limit, "the condition was not met in time"
        time.sleep(0.02)
    return time.monotonic() - start


class Home:
    """A data folder, and the ``activations up`` that runs on it. It is started when a test needs it, and reused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.starts: list[Started] = []

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def database_url(self) -> str:
        return f"postgresql://activations@/activations?host={self.data_dir}/servers/run"

    def running(self) -> Started:
        """The running service, started if none runs."""
        if not self.starts or self.starts[-1].process.poll() is not None:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = str(free.getsockname()[1])
            environment = {"ACTIVATIONS_WORKER_HEALTH_PORT": port}
            self.starts.append(Started(self.data_dir, "--port", "0", **environment))
        return self.starts[-1]

    def end(self) -> None:
        """End what runs, and wait until the servers are gone, too."""
        for each in self.starts:
            each.end()
        seconds_until(lambda: not naming(self.data_dir), 10)


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """One data folder for all tests. Its service may run, or may have been ended by a test before."""
    made = make_reachable_folder()
    opened = Home(made)
    yield opened
    opened.end()
    remove_reachable_folder(made)


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with command_line() as opened:
        yield opened


@pytest.fixture
def refused(commands: Commands) -> Refused:
    """Run ``activations up`` where it cannot start. Returns its exit code and its last line."""

    def run(data_dir: Path, *options: str, **environment: str) -> tuple[int, str]:
        ended = commands.run("up", "--data", str(data_dir), *options, **environment)
        assert ended.output == ""
        return ended.code, ended.errors.splitlines()[-1]

    return run


class TestUp:
    @pytest.mark.walk
    def test_says_where_it_is_when_it_is_ready(self, home: Home) -> None:
        started = home.running()
        assert started.line["ready"] is True
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/health/ready", started.line["workerHealth"])
        assert started.line["url"].startswith("http://127.0.0.1:")
        assert started.line["console"] == started.line["url"] + "/console"
        assert all(map(is_running, started.pids))
        seconds_until(lambda: started.get("/health/ready")[1]["workers"] == 1, 20)
        assert started.get("/health/ready")[1] == {
            "status": "ready",
            "version": VERSION,
            "database": True,
            "migrations": True,
            "store": True,
            "redis": True,
            "workers": 1,
        }
        with urllib.request.urlopen(started.line["workerHealth"], timeout=5) as answer:
            assert json.loads(answer.read())["status"] == "ready"
        token_file = Path(started.line["tokenFile"])
        assert token_file == started.data_dir / "token"
        assert token_file.stat().st_mode & 0o777 == 0o600
        for private in ("objects", "cache", "keys", "servers"):
            assert (started.data_dir / private).stat().st_mode & 0o777 == 0o700
        status, _ = started.get(f"/spaces/{started.line['spaceId']}")
        assert status == 200

    @pytest.mark.walk
    def test_shares_its_servers_with_the_other_commands(
        self, home: Home, commands: Commands
    ) -> None:
        started = home.running()
        data = ["--data", str(started.data_dir)]

        def run(*arguments: str) -> str:
            ended = commands.run("token", *arguments, *data)
            assert ended.code == 0, ended.errors
            return ended.output

        token = run("create", "--name", "second", "--days", "3").strip()
        assert token.startswith("aact_live_")
        listed = [json.loads(line) for line in run("list").splitlines()]
        assert [entry["name"] for entry in listed][1:] == ["second"]
        assert token not in str(listed)
        path = f"/spaces/{started.line['spaceId']}"
        assert started.status(path, token) == 200
        run("revoke", token.split("_")[2])
        seconds_until(lambda: started.status(path, token) != 200, 10)
        link = commands.run("console", *data)
        assert link.code == 0, link.errors
        assert link.output.startswith(f"{started.line['console']}/sign-in?link=aact_live_")
        assert all(map(is_running, started.pids))

    @pytest.mark.walk
    def test_takes_servers_that_are_set_and_an_interrupt_ends_it_whole(
        self, home: Home, folder: Path
    ) -> None:
        servers = home.running()
        keys = {
            f"ACTIVATIONS_{name.upper()}": (home.data_dir / "keys" / name).read_text().strip()
            for name in ("encryption_keys", "token_pepper")
        }
        other = Started(folder / "other", "--port", "0", DATABASE_URL=home.database_url, **keys)
        try:
            assert other.line["pids"]["guard"] is None
            assert other.line["spaceId"] == servers.line["spaceId"]
            assert not (folder / "other" / "servers").exists()
            other.process.send_signal(signal.SIGINT)
            assert other.process.wait(10) == 0
            assert not any(is_running(other.line["pids"][name]) for name in ("api", "worker"))
            assert other.output.read() == b""
        finally:
            other.end()
        assert all(map(is_running, servers.pids))

    @pytest.mark.walk
    def test_says_that_another_runs_on_the_folder(self, home: Home, refused: Refused) -> None:
        started = home.running()
        code, message = refused(home.data_dir, "--port", "0")
        assert code == 6
        assert f"`activations up` already runs on the folder {home.data_dir} " in message
        assert f"(process {started.process.pid})" in message
        assert started.status(f"/spaces/{started.line['spaceId']}") == 200

    def test_refuses_keys_that_are_not_the_databases(
        self, home: Home, folder: Path, refused: Refused
    ) -> None:
        home.running()
        other = ("--port", "0")
        code, message = refused(folder / "other", *other, DATABASE_URL=home.database_url)
        assert code == 1
        assert "of this database" in message

    @pytest.mark.walk
    def test_goes_on_after_the_death_of_each_part(self, home: Home) -> None:
        started = home.running()
        path = f"/spaces/{started.line['spaceId']}"
        for name in ("worker", "api", "redis", "postgres", "guard"):
            pid = started.line["pids"][name]
            os.kill(pid, signal.SIGKILL)
            seconds_until(lambda pid=pid: not is_running(pid), 5)  # type: ignore[misc]
            seconds_until(lambda: started.status(path) == 200, 30)
            seconds_until(lambda: {"activations api", "activations wor"} <= started.children(), 10)
        assert started.process.poll() is None

    @pytest.mark.walk
    def test_killed_it_leaves_nothing_and_finds_its_data_again(self, home: Home) -> None:
        first = home.running()
        token = first.token
        parts = first.parts()
        assert len(parts) > len(NAMES)
        first.process.kill()
        seconds_until(lambda: not any(map(is_running, parts)), 5)
        second = home.running()
        assert second is not first
        assert second.line["spaceId"] == first.line["spaceId"]
        assert second.token == token
        assert second.get(f"/spaces/{second.line['spaceId']}")[0] == 200

    @pytest.mark.walk
    def test_terminated_it_ends_whole_and_has_written_json_lines_only(self, home: Home) -> None:
        started = home.running()
        parts = started.parts()
        assert len(parts) > len(NAMES)
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(10) == 0
        assert not any(map(is_running, parts))
        assert started.output.read() == b""
        for line in started.log.read_text().splitlines():
            assert isinstance(json.loads(line), dict)
        assert started.token not in started.log.read_text()


class TestRefusal:
    def test_of_a_port_in_use(self, folder: Path, refused: Refused) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            code, message = refused(folder / "data", "--port", str(port))
        assert code == 3
        assert message.startswith(f"activations: Port {port} on 127.0.0.1 is in use.")

    def test_of_data_of_another_version(self, home: Home, refused: Refused) -> None:
        if not (home.data_dir / "servers/postgres").exists():
            home.running()
        home.end()
        version = home.data_dir / "servers/postgres/PG_VERSION"
        kept = version.read_text()
        version.write_text("15\n")
        code, message = refused(home.data_dir, "--port", "0")
        version.write_text(kept)
        assert code == 4
        assert "is of PostgreSQL 15" in message

    @pytest.mark.walk
    def test_of_a_folder_that_cannot_be_used(self, folder: Path, refused: Refused) -> None:
        (folder / "file").write_text("")
        code, message = refused(folder / "file", "--port", "0")
        assert code == 6
        assert "cannot be used" in message

    @pytest.mark.walk
    def test_of_a_database_that_does_not_answer(self, folder: Path, refused: Refused) -> None:
        code, message = refused(
            folder / "data", "--port", "0", DATABASE_URL="postgresql://u:hidden@127.0.0.1:1/x"
        )
        assert code == 8
        assert "Cannot connect to the database" in message
        assert "hidden" not in message
