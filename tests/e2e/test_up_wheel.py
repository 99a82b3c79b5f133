"""The built wheel, in a virtual environment of its own, outside the checkout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.servers import make_reachable_folder

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling builds the wheel"),
]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The Python of an environment that has our wheel, and our dependencies from this one."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    venv.create(tmp_path / "venv", with_pip=False)
    packages = next((tmp_path / "venv" / "lib").glob("python3*")) / "site-packages"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(packages)
    # A path file inside that folder is not read: an editable installation of the checkout stays out.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return tmp_path / "venv" / "bin" / "python"


def test_the_wheel_runs_anywhere(installed: Path) -> None:
    folder = make_reachable_folder()
    (folder / "app").mkdir()
    (folder / "app" / "__init__.py").write_text("raise RuntimeError('not ours')")
    process = subprocess.Popen(
        [str(installed), "-P", "-m", "app.cli", "up", "--data", "data", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        said = process.stdout.readline()
        assert said, process.stderr.read().decode()
        line = json.loads(said)
        assert line["tokenFile"] == str(folder / "data" / "token")
        with urllib.request.urlopen(line["url"] + "/health/ready", timeout=10) as answer:
            assert answer.status == 200
        for name in ("api", "worker"):
            command = Path(f"/proc/{line['pids'][name]}/cmdline").read_bytes()
            assert command.startswith(os.fsencode(installed))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)
    assert process.returncode == 0
