"""How far one request searches in files of the past: what is on this machine is free, the rest is counted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from app.core.objects import ObjectStore
from app.snapshots.engine import StoredFile

BYTES = 512 * 1024**2  # that one request brings from the object store to look at the past
SECONDS = 20.0  # after which it brings no more


@dataclass(slots=True)
class ReadBudget:
    """What is left of it."""

    objects: ObjectStore
    bytes_left: int
    deadline: float  # by the monotonic clock

    @classmethod
    def shares(cls, objects: ObjectStore, count: int) -> list[Self]:
        """One search for each of so many parts: equal bytes, and one end."""
        deadline = time.monotonic() + SECONDS
        return [cls(objects, BYTES // count, deadline) for _ in range(count)]

    async def reaches(self, files: Sequence[StoredFile]) -> bool:
        """Whether the files may be fetched; they count from then on."""
        missing = sum(
            [file.bytes for file in files if not await self.objects.at_hand(file.key, file.sha256)]
        )
        if not missing:
            return True
        if missing > self.bytes_left or time.monotonic() > self.deadline:
            return False
        self.bytes_left -= missing
        return True
