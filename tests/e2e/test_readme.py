"""Tests that run each command of the README, exactly as written there."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app.core.config import Settings
from app.embedded.connections import listen
from app.embedded.errors import StartError
from tests.servers import TestServers, make_reachable_folder, remove_reachable_folder

pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MARKED = re.compile(r"<!-- run: ([a-z-]+) -->\n```sh\n(.*?)```", re.DOTALL)
FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)
MADE_BY_MAKE = re.compile(r"make [a-z]+")


def block(name: str) -> str:
    """Return all blocks with a name, in order."""
    return "\n".join(text for found, text in MARKED.findall(README) if found == name)


def free_ports(count: int) -> int:
    """Return the first of some free ports in a row, outside the range from which systems choose ports of connections."""
    while True:
        first = random.randrange(15_000, 30_000)
        try:
            with contextlib.ExitStack() as opened:
                for port in range(first, first + count):
                    opened.enter_context(listen("127.0.0.1", port))
        except StartError:
            continue
        return first


def free_port() -> int:
    with listen("127.0.0.1", 0) as opened:
        port: int = opened.getsockname()[1]
        return port


@pytest.fixture
def folder() -> Iterator[Path]:
    """Create a working folder with the command `activations` on the PATH."""
    made = make_reachable_folder()
    shim = made / "bin" / "activations"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m app.cli "$@"\n')
    shim.chmod(0o755)
    yield made
    remove_reachable_folder(made)


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {"PATH": f"{folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)} | more


@contextlib.contextmanager
def background(script: str, folder: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Run a block that stays in the foreground of its terminal. Provides its first line of output."""
    log = folder / "stderr"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            ["bash", "-c", f"exec env {script}"],
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert first, log.read_text()[-4000:]
        yield first
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def bash(script: str, folder: Path, env: Mapping[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.walk
@pytest.mark.skipif(shutil.which("curl") is None, reason="the walk uses curl")
def test_the_first_walk(folder: Path) -> None:
    ports = {"8000": str(free_port()), "8090": str(free_ports(10))}

    def here(name: str) -> str:
        return re.sub("8000|8090", lambda found: ports[found.group()], block(name)).strip()

    # The walk needs only the receiver on this port; the other emulators use the next ports.
    sandbox = f"activations sandbox --port {ports['8090']}"
    assert here("sandbox") == sandbox
    env = environment(folder)
    with background(here("service"), folder, env) as ready, background(sandbox, folder, env):
        assert json.loads(ready)["ready"] is True
        said = bash(here("walk"), folder, env)
    *_, last = said.splitlines()
    assert '"count":3' in said
    assert '"spent":"42.00"' in said or '"spent":42' in said
    assert "ada@example.com" in last


@pytest.mark.walk
def test_several_hosts(folder: Path, servers: TestServers, database_url: str) -> None:
    text = block("hosts")
    settings = {
        "DATABASE_URL": f"'{database_url}'",
        "REDIS_URL": f"'{servers.redis_url}'",
        "STORAGE_URL": f"file://{folder}/objects",
    }
    for name, value in settings.items():
        text, changed = re.subn(rf"(?m)^(export {name}=).*$", rf"\g<1>{value}", text)
        assert changed == 1, name
    env = environment(folder, ACTIVATIONS_DATA_DIR=str(folder / "data"))
    printed = bash(text + "\nenv | grep -E '^(DATABASE|REDIS|STORAGE|ACTIVATIONS)_'", folder, env)
    token = printed.splitlines()[0]
    assert token.startswith("aact_live_")
    env |= dict(line.split("=", 1) for line in printed.splitlines()[1:])
    port = free_port()
    api = block("hosts-api").strip().replace("8000", str(port))
    log = folder / "stderr"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            ["bash", "-c", f"{block('hosts-worker').strip()} & {api} & wait"],
            cwd=folder,
            env=env,
            stderr=errors,
            start_new_session=True,
        )
    try:
        assert answers(f"http://127.0.0.1:{port}/health/ready"), log.read_text()[-4000:]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)


def answers(url: str) -> bool:
    import time

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
        time.sleep(0.1)
    return False


def test_every_block_of_commands_is_run_or_a_target_of_make() -> None:
    marked = [text for _, text in MARKED.findall(README)]
    others = [text for text in FENCE.findall(README) if text not in marked]
    lines = [line for text in others for line in text.strip().splitlines()]
    assert all(MADE_BY_MAKE.fullmatch(line) for line in lines), lines


@pytest.mark.parametrize("target", sorted(set(MADE_BY_MAKE.findall(README))))
def test_every_target_that_is_named_is_there(target: str) -> None:
    if target.split()[1] in {"all", "sure"}:
        pytest.skip("prose")
    done = subprocess.run(
        ["make", "-n", target.split()[1]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_file_that_is_named_is_there() -> None:
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")):
        for name in re.findall(
            r"`((?:app|docs|openapi|migrations|tests|workers)/[\w./-]+)`", document.read_text()
        ):
            assert (ROOT / name).exists(), f"{document.name} names {name}"


class TestSettings:
    def names(self) -> set[str]:
        found = set()
        for name, field in Settings.model_fields.items():
            alias = field.validation_alias
            choices = getattr(alias, "choices", ())
            found.add(str(choices[-1]) if choices else f"ACTIVATIONS_{name.upper()}")
        return found

    def test_the_example_has_every_setting(self) -> None:
        example = (ROOT / ".env.example").read_text()
        assert set(re.findall(r"(?m)^#?([A-Z0-9_]+)=", example)) == self.names()

    def test_the_example_can_be_read(self, tmp_path: Path) -> None:
        lines = re.sub(r"(?m)^#([A-Z0-9_]+=\S)", r"\1", (ROOT / ".env.example").read_text())
        file = tmp_path / ".env"
        file.write_text(lines)
        read = Settings(_env_file=file, _env_ignore_empty=True)
        assert read.rate_limits == "on"

    def test_the_readme_names_none_that_is_not_there(self) -> None:
        assert set(re.findall(r"ACTIVATIONS_[A-Z0-9_]+[A-Z]", README)) <= self.names()
