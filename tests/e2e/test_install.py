"""Tests of ``make install``: a file is installed only if its hash is in the lock."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a folder with one wheel, as a registry would offer it."""
    folder = tmp_path_factory.mktemp("wheels")
    information = "planted-1.0.dist-info"
    with zipfile.ZipFile(folder / "planted-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("planted.py", "")
        wheel.writestr(
            f"{information}/METADATA", "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{information}/RECORD", "")
    return folder


#: How uv and then pip say that the file is another, or that the lock names no hash.
OTHER_FILE = r"(?s)Hash mismatch.*DO NOT MATCH"
NO_HASH = r"(?s)all requirements must have.*Hashes are required"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Create an environment that has the pip and the uv of this one."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=False)
    packages = next((folder / "lib").glob("python3*")) / "site-packages"
    (packages / "pip").symlink_to(Path(sysconfig.get_path("purelib"), "pip"))
    (folder / "bin" / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    return folder


def install(environment: Path, wheels: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run what ``make install`` runs before this package itself, offline, with a lock of one line."""
    lock = environment.parent / "requirements.lock"
    lock.write_text(line + "\n")
    settings = lock.with_name("uv.toml")
    settings.write_text(f"no-index = true\nfind-links = ['{wheels}']\n")
    variables = {"UV_CONFIG_FILE": str(settings), "UV_NO_CACHE": "1"}
    variables |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    return subprocess.run(
        ["make", "-s", "packages", f"VENV={environment}", f"LOCK={lock}"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_file_of_the_lock_is_installed(environment: Path, wheels: Path) -> None:
    wheel = next(wheels.iterdir())
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    done = install(environment, wheels, f"planted==1.0 \\\n    --hash=sha256:{digest}")
    assert done.returncode == 0, done.stderr
    assert list(environment.glob("lib/*/site-packages/planted.py"))


@pytest.mark.walk
@pytest.mark.parametrize(
    ("hashes", "refusal"), [(f" \\\n    --hash=sha256:{'0' * 64}", OTHER_FILE), ("", NO_HASH)]
)
def test_another_file_is_refused(
    environment: Path, wheels: Path, hashes: str, refusal: str
) -> None:
    done = install(environment, wheels, f"planted==1.0{hashes}")
    assert done.returncode != 0
    assert re.search(refusal, done.stderr), done.stderr
    assert not list(environment.glob("lib/*/site-packages/planted.py"))
