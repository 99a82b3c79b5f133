"""Tests of the wheel: its content, and that its command works in a new environment outside the checkout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.storage import revisions
from tests.processes import is_running
from tests.servers import make_reachable_folder, remove_reachable_folder

ROOT = Path(__file__).parents[2]
HERE = Path(sys.executable).parent

pytestmark = [
    pytest.mark.walk,
    pytest.mark.timeout(180),
    pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling builds the wheel"),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def installer(python: Path) -> list[str]:
    """Return the command that installs into another environment: uv if available, because it is faster, else pip."""
    if (HERE / "uv").exists():
        return [str(HERE / "uv"), "pip", "install", "--python", str(python)]
    return [sys.executable, "-m", "pip", "--python", str(python), "install"]


@pytest.fixture
def command(wheel: Path, tmp_path: Path) -> Path:
    """Install the wheel into a new environment that uses this one's dependencies. Returns the command `activations`."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    offline = ["--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*installer(python), *offline], check=True, capture_output=True)
    packages = next((tmp_path / "venv" / "lib").glob("python3*")) / "site-packages"
    # Path files inside that folder are not read, so an editable install of the checkout is not found.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return tmp_path / "venv" / "bin" / "activations"


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """Create a working folder with an unrelated package that is also named ``app``."""
    folder = make_reachable_folder()
    (folder / "app").mkdir()
    (folder / "app" / "__init__.py").write_text("raise RuntimeError('not ours')")
    yield folder
    remove_reachable_folder(folder)


def files_below(folder: str) -> set[str]:
    """Return the files below a folder that git tracks."""
    listed = subprocess.run(
        ["git", "ls-files", "--", folder], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())


class TestContent:
    def test_it_has_every_module_and_its_data(self, wheel: Path) -> None:
        inside = set(zipfile.ZipFile(wheel).namelist())
        wanted = files_below("app") | files_below("workers")
        assert {name for name in wanted if (ROOT / name).exists()} <= inside

    def test_it_has_the_migrations_where_they_are_looked_for(self, wheel: Path) -> None:
        inside = set(zipfile.ZipFile(wheel).namelist())
        head = f"app/migrations/versions/{newest_migration()}"
        assert {"app/migrations/env.py", "app/migrations/script.py.mako", head} <= inside

    def test_it_has_the_published_documents_and_the_explorer(self, wheel: Path) -> None:
        inside = set(zipfile.ZipFile(wheel).namelist())
        documents = {f"app/openapi_documents/{Path(name).name}" for name in files_below("openapi")}
        assert documents
        assert documents <= inside
        assert any(name.endswith(".js") for name in inside)

    def test_it_has_nothing_of_the_tests(self, wheel: Path) -> None:
        packages = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
        assert {name for name in packages if not name.endswith(".dist-info")} == {"app", "workers"}


def newest_migration() -> str:
    head = revisions.head()
    versions = ROOT / "migrations" / "versions"
    return next(file.name for file in versions.glob("*.py") if str(head) in file.read_text())


def test_the_command_works_anywhere_and_an_interrupt_leaves_nothing(
    command: Path, elsewhere: Path
) -> None:
    process = subprocess.Popen(
        [command, "up", "--data", "data", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=elsewhere,
        env={"PATH": os.environ["PATH"]},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        said = process.stdout.readline()
        assert said, process.stderr.read().decode()
        line = json.loads(said)
        token = (elsewhere / "data" / "token").read_text().strip()
        request = urllib.request.Request(
            f"{line['url']}/spaces/{line['spaceId']}", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["data"]["space"]["id"] == line["spaceId"]
        pids = [pid for pid in line["pids"].values() if pid]
        assert len(pids) >= 4
        loaded = Path(f"/proc/{line['pids']['worker']}/cmdline").read_bytes()
        assert loaded.startswith(os.fsencode(command.parent))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline, "processes were left"
        time.sleep(0.05)
