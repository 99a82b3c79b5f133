"""The layer contracts of pyproject.toml hold, and each of them catches a violation that is planted for it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")

FLOORS = "Services import lower floors"
SNAPSHOTS = "Snapshots import lower floors"
SERVICE_FACES = "Services are imported by their faces"
SNAPSHOT_FACES = "Snapshots are imported by their faces"
OTHER_FACES = "Other packages with a face are imported by it"

#: A contract, a new module, and an import that the contract forbids there.
PLANTED = [
    ("Imports point down the layers", "app/domain/planted.py", "import app.services.audiences"),
    ("Rules do no I/O", "app/mapping/planted.py", "import httpx"),
    ("Routes and pages do not query", "app/api/routes/planted.py", "import sqlalchemy"),
    (
        "Pages do not know each other",
        "app/console/pages/planted.py",
        "import app.console.pages.home",
    ),
    (
        "Destinations do not know each other",
        "app/connectors/destinations/webhook/planted.py",
        "import app.connectors.destinations.file_export.options",
    ),
    ("The sandbox stands apart", "app/sandbox/planted.py", "import app.domain.changes"),
    ("The demo speaks HTTP to the service", "app/demo/planted.py", "import app.services.audiences"),
    (
        "Nobody but the command line knows the sandbox and the demo",
        "workers/planted.py",
        "import app.sandbox.sandbox",
    ),
    # A higher floor, a package on the same floor, a package without a floor
    (FLOORS, "app/services/platform/planted.py", "from app.services.syncs import settle_sync"),
    (FLOORS, "app/services/planning/planted.py", "from app.services.reports import Reach"),
    (FLOORS, "app/services/planted/__init__.py", ""),
    (SNAPSHOTS, "app/snapshots/engine/planted.py", "from app.snapshots.plans import write_plan"),
    (SNAPSHOTS, "app/snapshots/definitions/planted.py", "from app.snapshots.engine import Engine"),
    (SNAPSHOTS, "app/snapshots/planted.py", ""),
    # A name from an inner module, and the inner module itself; from another layer, and from another package
    (SERVICE_FACES, "workers/planted.py", "from app.services.delivery.pump import Pump"),
    (SERVICE_FACES, "app/services/planning/planted.py", "from app.services.delivery import pump"),
    (SNAPSHOT_FACES, "app/services/holdings/planted.py", "import app.snapshots.plans.plan"),
    (SNAPSHOT_FACES, "app/snapshots/plans/planted.py", "import app.snapshots.engine.sql"),
    (OTHER_FACES, "app/services/datasets/planted.py", "import app.sources.postgres.reader"),
    (OTHER_FACES, "app/api/routes/planted.py", "from app.api.edge.errors import entry"),
    (OTHER_FACES, "app/main_planted.py", "import app.api.docs.openapi"),
    (
        OTHER_FACES,
        "app/connectors/destinations/webhook/planted.py",
        "from app.connectors.base.call import Call",
    ),
]


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
        parts = re.split(r"\n([^\n]+)\n-{3,}\n", told)
        by_name = dict(zip(parts[1::2], parts[2::2], strict=True))
        return {
            name: by_name[name] if verdict == "BROKEN" else verdict
            for name, verdict in verdicts.items()
        }
    assert done.returncode == 0, done.stdout + done.stderr
    return verdicts


@pytest.mark.walk
def test_the_code_keeps_all_contracts(copied: Path) -> None:
    assert set(lint(copied).values()) == {"KEPT"}


def test_every_contract_has_its_violation() -> None:
    assert {contract for contract, _, _ in PLANTED} == set(contract_names())


@pytest.fixture(scope="module")
def broken(copied: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The verdicts on a copy with all violations, each in a module of its own."""
    folder = tmp_path_factory.mktemp("planted") / "copy"
    shutil.copytree(copied, folder)
    for number, (_, file, line) in enumerate(PLANTED):
        planted = folder / numbered(file, number)
        planted.parent.mkdir(exist_ok=True)
        planted.write_text(f'"""Planted."""\n\n{line}\n')
    return lint(folder)


def numbered(file: str, number: int) -> str:
    return file.replace("planted", f"planted_{number}_")


@pytest.mark.parametrize("number", range(len(PLANTED)))
def test_a_violation_is_caught(broken: dict[str, str], number: int) -> None:
    contract, file, _ = PLANTED[number]
    path = numbered(file, number).removesuffix(".py").removesuffix("/__init__")
    assert path.replace("/", ".") in broken[contract]
