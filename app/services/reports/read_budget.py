"""Read budgets: how much history one request may fetch. Files that are on this machine are free."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from app.core.objects import ObjectStore
from app.snapshots.engine import StoredFile

BYTES = 512 * 1024**2  # that one request may fetch from the object store
SECONDS = 20.0  # after which it fetches no more


@dataclass(slots=True)
class ReadBudget:
    """The bytes and the time that a search has left."""

    objects: ObjectStore
    bytes_left: int
    deadline: float  # by the monotonic clock

    @classmethod
    def shares(cls, objects: ObjectStore, count: int) -> list[Self]:
        """Divide the budget of one request into ``count`` equal parts with one deadline."""
        deadline = time.monotonic() + SECONDS
        return [cls(objects, BYTES // count, deadline) for _ in range(count)]

    async def reaches(self, files: Sequence[StoredFile]) -> bool:
        """Check whether the files may be fetched; if so, subtract their bytes."""
        missing = sum(
            [file.bytes for file in files if not await self.objects.at_hand(file.key, file.sha256)]
        )
        if not missing:
            return True
        if missing > self.bytes_left or time.monotonic() > self.deadline:
            return False
        self.bytes_left -= missing
        return True
