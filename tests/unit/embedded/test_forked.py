from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(60)

PARENT = """
import json, os, signal, socket, sys, time
from app.embedded.forked import can_fork, fork

assert can_fork()
lost, kept = socket.socketpair()
os.environ["SECRET"] = "of the parent"

def is_open(end):
    try:
        return bool(os.fstat(end.fileno()))
    except OSError:
        return False

def run():
    about = {
        "pid": os.getpid(), "group": os.getpgid(0), "name": open("/proc/self/comm").read().strip(),
        "environment": dict(os.environ), "kept": is_open(kept), "lost": is_open(lost),
        "handler": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
    }
    os.write(2, json.dumps(about).encode() + b"\\n")
    if sys.argv[1] == "raise":
        raise ValueError("of the copy")
    if sys.argv[1] == "end":
        os._exit(7)
    signal.pause()

signal.signal(signal.SIGTERM, lambda *_: sys.exit("the parent's handler"))
copy = fork(run, "activations copy", {"PATH": "/bin"}, [kept.fileno()])
print(copy.pid, flush=True)
if sys.argv[1] in ("end", "raise"):
    print(copy.wait(10), copy.poll(), flush=True)
elif sys.argv[1] == "stop":
    time.sleep(0.2)
    copy.send_signal(signal.SIGTERM)
    print(copy.wait(10), flush=True)
else:
    signal.pause()
"""


@pytest.fixture
def parent(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, request.param],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as process:
        yield process
        process.kill()


def about(parent: subprocess.Popen[str]) -> dict[str, Any]:
    assert parent.stderr is not None
    found: dict[str, Any] = json.loads(parent.stderr.readline())
    return found


def output(parent: subprocess.Popen[str]) -> list[str]:
    assert parent.stdout is not None
    return parent.stdout.read().splitlines()


@pytest.mark.parametrize("parent", ["end"], indirect=True)
def test_a_copy_has_what_it_was_given_and_nothing_else(parent: subprocess.Popen[str]) -> None:
    copy = about(parent)
    assert (copy["name"], copy["environment"]) == ("activations cop", {"PATH": "/bin"})
    assert (copy["kept"], copy["lost"], copy["handler"]) == (True, False, True)
    assert copy["group"] == copy["pid"]
    assert output(parent) == [str(copy["pid"]), "7 7"]


@pytest.mark.parametrize("parent", ["stop"], indirect=True)
def test_a_signal_ends_the_copy_alone(parent: subprocess.Popen[str]) -> None:
    about(parent)
    assert output(parent)[1:] == [str(-signal.SIGTERM)]


@pytest.mark.parametrize("parent", ["raise"], indirect=True)
def test_an_error_never_goes_on_in_the_code_of_the_parent(parent: subprocess.Popen[str]) -> None:
    about(parent)
    assert output(parent)[1:] == ["1 1"]


@pytest.mark.parametrize("parent", ["wait"], indirect=True)
def test_a_copy_ends_with_its_parent(parent: subprocess.Popen[str]) -> None:
    pid = about(parent)["pid"]
    parent.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and not _is_zombie(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_no_copy_is_made_while_another_thread_runs() -> None:
    code = "import threading, app.embedded.forked as f; threading.Thread(target=lambda: print(f.can_fork())).start()"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    printed = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    assert printed == "False\n"


def _is_zombie(pid: int) -> bool:
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
