"""The layer contracts of pyproject.toml hold, and each of them catches a violation that is planted for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")

#: By contract: a new module, and the import that its contract forbids there.
PLANTED = {
    "Imports point down the layers": ("app/domain/planted.py", "import app.services.runs"),
    "Rules do no I/O": ("app/mapping/planted.py", "import httpx"),
    "Routes and pages do not query": ("app/api/routes/planted.py", "import sqlalchemy"),
    "Destinations do not know each other": (
        "app/connectors/destinations/webhook/planted.py",
        "import app.connectors.destinations.file_export.options",
    ),
    "The sandbox stands apart": ("app/sandbox/planted.py", "import app.domain.changes"),
    "The demo speaks HTTP to the service": ("app/demo/planted.py", "import app.services.runs"),
    "Nobody but the command line knows the sandbox and the demo": (
        "workers/planted.py",
        "import app.sandbox.sandbox",
    ),
}


def contract_names() -> list[str]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [contract["name"] for contract in configuration["tool"]["importlinter"]["contracts"]]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with the real configuration."""
    folder = tmp_path_factory.mktemp("layers")
    for package in ("app", "workers"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> dict[str, str]:
    """Each contract's verdict, with the text about it where it is broken."""
    done = subprocess.run(
        [LINTER, "--cache-dir", ".cache"], cwd=folder, capture_output=True, text=True, check=False
    )
    verdicts = {}
    for name in contract_names():
        line = next(line for line in done.stdout.splitlines() if line.startswith(name))
        verdicts[name] = line.removeprefix(name).split()[0]
    if "BROKEN" in verdicts.values():
        assert done.returncode == 1
        told = done.stdout.partition("Broken contracts")[2]
        return {
            name: told.partition(f"\n{name}\n")[2] if verdict == "BROKEN" else verdict
            for name, verdict in verdicts.items()
        }
    assert done.returncode == 0, done.stdout + done.stderr
    return verdicts


def test_the_code_keeps_all_contracts(copied: Path) -> None:
    assert set(lint(copied).values()) == {"KEPT"}


def test_every_contract_has_its_violation() -> None:
    assert set(PLANTED) == set(contract_names())


@pytest.mark.parametrize("contract", PLANTED)
def test_a_violation_is_caught(copied: Path, contract: str) -> None:
    file, line = PLANTED[contract]
    planted = copied / file
    planted.write_text(f'"""Planted."""\n\n{line}\n')
    try:
        told = lint(copied)[contract]
    finally:
        planted.unlink()
    module = file.removesuffix(".py").replace("/", ".")
    assert module in told
