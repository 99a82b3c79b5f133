"""``python -m checks``: all checks; ``python -m checks NAME … [PATH …]``: some checks, of these files only.

``python -m checks counts`` shows faults per package, ``map --write`` writes the module
map, ``licences --write`` the list of licences.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from checks import licences, module_map
from checks.registry import CHECKS
from checks.source import ROOT, Fault


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments say. Returns the exit code: 1 if there are faults, 2 for an unknown check or path."""
    name = arguments[0] if arguments else ""
    if list(arguments) == ["map", "--write"]:
        module_map.write()
        return 0
    if list(arguments) == ["licences", "--write"]:
        licences.write()
        return 0
    if name == "counts":
        _show_counts()
        return 0
    paths = [one for one in arguments if one not in CHECKS]
    names = [one for one in CHECKS if one in arguments] or list(CHECKS)
    for path in paths:
        if not (ROOT / path).exists():
            known = ", ".join([*CHECKS, "counts", "map --write", "licences --write"])
            print(f"{path} is neither a file nor a check. Checks: {known}.")
            return 2
    found = [(one, fault) for one in names for fault in CHECKS[one](paths=paths)]
    for one, fault in found:
        print(f"{fault} [{one}]")
    print(
        f"{len(found)} faults ({', '.join(names)})"
        if found
        else f"Checks kept: {', '.join(names)}."
    )
    return 1 if found else 0


def _show_counts() -> None:
    for name, check in CHECKS.items():
        found = check()
        print(f"{name}: {len(found)}")
        for package, count in sorted(Counter(_package(fault) for fault in found).items()):
            print(f"    {count:5} {package}")


def _package(fault: Fault) -> str:
    """Return the folder of a fault, to the depth of packages in services."""
    parts = fault.path.split("/")
    return "/".join(parts[:-1][:3]) or parts[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
