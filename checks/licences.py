"""The list of licences in ``docs/licences.md`` names what the service's lock installs. ``make licences`` writes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from checks import locks
from checks.source import ROOT, Fault

DOCUMENT = "docs/licences.md"
BEGIN, END = "<!-- licences: begin -->", "<!-- licences: end -->"
#: The GNU licences, which would also bind who distributes the service. (The LGPL is not among them.)
_REFUSED = re.compile(r"(?<!L)\bA?GPL|Affero|SSPL|Server Side Public", re.IGNORECASE)
_ROW = re.compile(r"^\| ([\w.-]+) \| (\d[\w.+!]*) \| (.+) \|$", re.MULTILINE)
#: Packages give a licence's whole text in place of its name.
_BSD = "Redistribution and use in source and binary forms"


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return the packages whose version differs from the lock, and the licences that are refused."""
    if paths or not (root / DOCUMENT).exists():
        return []
    pinned = locks.pins((root / locks.SERVICE).read_text(encoding="utf-8"))
    rows = _ROW.findall(_listed((root / DOCUMENT).read_text(encoding="utf-8")))
    found = [
        f"{name} {version} is not in {locks.SERVICE}; run `make licences`"
        for name, version, _ in rows
        if version not in pinned.get(canonicalize_name(name), set())
    ]
    found += [
        f"{name} has the licence {licence}" for name, _, licence in rows if _REFUSED.search(licence)
    ]
    missing = set(_everywhere(root)) - {canonicalize_name(name) for name, _, _ in rows}
    found += [f"{name} is not listed; run `make licences`" for name in sorted(missing)]
    return [Fault(DOCUMENT, 1, message) for message in found]


def write(root: Path = ROOT) -> None:
    """Write the list, from what is installed in the environment that runs this program."""
    pinned = locks.pins((root / locks.SERVICE).read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "piplicenses", "--format=json"]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    rows = sorted(
        (canonicalize_name(one["Name"]), one["Version"], _name_of(one["License"]))
        for one in listed
        if canonicalize_name(one["Name"]) in pinned
    )
    lines = ["| package | version | licence |", "|---|---|---|"]
    lines += [f"| {name} | {version} | {licence} |" for name, version, licence in rows]
    file = root / DOCUMENT
    before, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    text = f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{rest.partition(END)[2]}"
    file.write_text(text, encoding="utf-8")


def _listed(text: str) -> str:
    return text.partition(BEGIN)[2].partition(END)[0]


def _everywhere(root: Path) -> list[str]:
    """Return the packages that the lock installs on each system and Python."""
    text = (root / locks.SERVICE).read_text(encoding="utf-8")
    unmarked = "\n".join(
        line.rstrip(" \\") for line in text.splitlines() if "==" in line and ";" not in line
    )
    return list(locks.pins(unmarked))


def _name_of(licence: str) -> str:
    return "BSD-3-Clause" if _BSD in licence else " ".join(licence.split())
