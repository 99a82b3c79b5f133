"""The errors of mappings: a mapping is invalid as written, or it fails on one payload.

MappingError
├── InvalidMapping   refused before it ran; lists every fault
└── MappingFailed    valid, and failed while running
"""

from __future__ import annotations

from collections.abc import Sequence


class MappingError(Exception):
    """Base class. `str()` is a sentence that begins with the location."""


class InvalidMapping(MappingError):
    """The mapping breaks a rule that can be checked without a payload.

    `faults` is a list of messages; each begins with the location and a space.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


class MappingFailed(MappingError):
    """A valid mapping cannot be applied to this payload. `location` names the part that failed."""

    def __init__(self, location: str, reason: str) -> None:
        super().__init__(f"{location or '/'} {reason}")
        self.location = location or "/"
        self.reason = reason
