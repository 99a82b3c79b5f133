"""Each service module has a test file of its name, so that its tests are found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from checks.source import ROOT, Fault, files

MOST_EXCEPTIONS = 15
#: Modules that are tested under another name only: module, and where.
EXCEPTIONS: dict[str, str] = {
    "app/services/audiences/run_failures.py": "tests/integration/services/audiences/test_recompute.py",
    "app/services/planning/plan_inputs.py": "tests/integration/services/syncs/test_lifecycle.py",
    "app/services/planning/planned_sync.py": "tests/integration/services/planning/test_brake_holds.py",
    "app/services/planning/test_send_plan.py": "tests/integration/api_extensions/test_test_sends.py",
    "app/services/reports/explanation.py": "tests/integration/api_extensions/test_explain.py",
    "app/services/syncs/attempts.py": "tests/integration/api_extensions/test_explain.py",
}


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return the modules of ``app/services`` that have neither a test file of their name nor an exception."""
    tested = {path.stem.removeprefix("test_") for path in (root / "tests").rglob("test_*.py")}
    sources = [
        source for source in files(root, ["app/services"], within=paths) if not source.is_face
    ]
    found = [
        source.fault(1, f"no tests/**/test_{name}.py")
        for source in sources
        if (name := source.path.rpartition("/")[2].removesuffix(".py")) not in tested
        and source.path not in EXCEPTIONS
    ]
    if paths:
        return found
    here = "checks/tested.py"
    existing = {source.path for source in sources}
    found += [
        Fault(here, 1, f"{path} is an exception, and does not exist")
        for path in EXCEPTIONS
        if path not in existing
    ]
    if len(EXCEPTIONS) > MOST_EXCEPTIONS:
        found.append(Fault(here, 1, f"{len(EXCEPTIONS)} exceptions; at most {MOST_EXCEPTIONS}"))
    return found
