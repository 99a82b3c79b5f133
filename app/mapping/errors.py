"""What a mapping may raise: it is invalid as written, or it fails on one payload.

MappingError
├── InvalidMapping   refused before anything ran; carries every fault
└── MappingFailed    accepted, and failed while running
"""

from __future__ import annotations

from collections.abc import Sequence


class MappingError(Exception):
    """Anything that the mapping language refuses; `str()` is a sentence with its location."""


class InvalidMapping(MappingError):
    """The mapping breaks a rule that can be seen without a payload.

    `faults` holds one message each, beginning with the location and a blank.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


class MappingFailed(MappingError):
    """A valid mapping that cannot be applied to this payload; `location` says which part."""

    def __init__(self, location: str, reason: str) -> None:
        super().__init__(f"{location or '/'} {reason}")
        self.location = location or "/"
        self.reason = reason
