"""What the processes of a running service use, read from /proc: memory (PSS), descriptors, threads and processor time.

PSS is the memory of a process in which each shared page counts for its share: the sum over all processes is what they use together.
Pages of files (programs and libraries) are left out: all programs of the machine share them, so that the share changes when others end.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What a process, or several together, use. ``memory`` is in MB, ``cpu`` the processor time since their start in seconds."""

    memory: float = 0.0
    descriptors: int = 0
    threads: int = 0
    cpu: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.memory + other.memory,
            self.descriptors + other.descriptors,
            self.threads + other.threads,
            self.cpu + other.cpu,
        )


def read(pid: int) -> Usage | None:
    """Return what one process uses, or None if it has ended."""
    folder = Path(f"/proc/{pid}")
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
        parts = dict(line.split()[:2] for line in lines[1:])
        memory = int(parts["Pss_Anon:"]) + int(parts["Pss_Shmem:"])
        descriptors = sum(1 for _ in (folder / "fd").iterdir())
        threads = sum(1 for _ in (folder / "task").iterdir())
        # The name of the program, in parentheses, may have spaces. User and system time come 11 fields after it.
        times = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
    except (OSError, KeyError):
        return None
    return Usage(memory / 1024, descriptors, threads, sum(map(int, times)) / _TICKS)


def children(pid: int) -> list[int]:
    """Return the ids of all processes below a process, none if it has ended."""
    found: list[int] = []
    try:
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, file.read_text().split()):
                found += [child, *children(child)]
    except OSError:
        return found
    return found


def of_service(up: int, pids: Mapping[str, int | None]) -> dict[str, Usage]:
    """Return what each process of a service uses, by name: children apart, and PostgreSQL with its own.

    ``pids`` are those that ``activations up`` prints. A process that has ended is missing.
    """
    found: dict[str, Usage] = {}
    for name, pid in {"up": up, **pids}.items():
        own = read(pid) if pid else None
        if own is None or pid is None:
            continue
        below = Usage()
        for child in children(pid) if name not in ("up", "guard") else ():
            below += read(child) or Usage()
        if name == "postgres":
            own += below
        elif below.threads:
            found[f"{name}, its children"] = below
        found[name] = own
    return found
