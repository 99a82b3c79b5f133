"""Checks that are not kept yet: ``make check`` leaves them out. The number is that of faults when it was written."""

from __future__ import annotations

PENDING: dict[str, int] = {
    "docstrings": 740,
    "words": 149,
    "sizes": 7,
    "map": 0,  # to be written again when the docstrings are done
}
