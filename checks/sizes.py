"""Sizes of files and functions: short enough to be read in one go.

A function's length is ``end_lineno - lineno + 1``: its signature, docstring and body, without decorators. A file's length
is the number of its lines. In the shares (median, 90th percentile), ``__init__`` does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from checks.source import CODE, ROOT, Fault, Function, Source, files

LONGEST_FILE = 400
LONGEST_FUNCTION = 55
MEDIAN_FILE = 110
P90_FUNCTION = 22
#: Where files and functions are short in general, and all modules are in packages.
PACKAGED = ("app/services", "app/snapshots")


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return the files and functions that are too long, and the packages that are too long in general."""
    found = []
    for source in files(root, CODE, within=paths):
        if (lines := file_length(source)) > LONGEST_FILE:
            found.append(source.fault(1, f"{lines} lines; at most {LONGEST_FILE}"))
        found += [
            source.fault(
                function, f"{function.name} has {length} lines; at most {LONGEST_FUNCTION}"
            )
            for function in source.functions()
            if (length := function_length(function)) > LONGEST_FUNCTION
        ]
    return found if paths else found + _packaged(root)


def _packaged(root: Path) -> list[Fault]:
    sources = [source for source in files(root, PACKAGED) if not source.is_face]
    found = [
        source.fault(1, "a module outside of the packages")
        for source in sources
        if source.path.rpartition("/")[0] in PACKAGED
    ]
    place = " and ".join(PACKAGED)
    file_median, function_p90 = figures(sources)
    if file_median > MEDIAN_FILE:
        told = f"the median file has {file_median:g} lines; at most {MEDIAN_FILE}"
        found.append(Fault(place, 1, told))
    if function_p90 > P90_FUNCTION:
        told = f"10 % of the functions have {function_p90} lines or more; at most {P90_FUNCTION}"
        found.append(Fault(place, 1, told))
    return found


def figures(sources: Sequence[Source]) -> tuple[float, int]:
    """Return the median length of files, and the length that 90 % of the functions do not exceed."""
    lengths = sorted(function_length(one) for source in sources for one in source.functions())
    p90 = lengths[-(-len(lengths) * 9 // 10) - 1] if lengths else 0
    return median([file_length(source) for source in sources] or [0]), p90


def file_length(source: Source) -> int:
    return len(source.text.splitlines())


def function_length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1
