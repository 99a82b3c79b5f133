"""What a run found of the file that a dataset is read from."""

from __future__ import annotations

from enum import StrEnum


class FileState(StrEnum):
    """The field ``state`` of a run's source. All but the first two fail the run, and leave the content before as it is."""

    NEW = "new"  # read, and the content of the dataset since
    UNCHANGED = "unchanged"  # the version that was read before: its content is used
    MISSING = "missing"  # no such file, or none that the pattern matches; tried again
    LATE = "late"  # older than ``maxAgeHours``; tried again
    BROKEN = "broken"  # an upload of this file would be refused
    BREAKING = "breaking"  # it would empty or reshape what audiences read
