"""Five faults that are planted into the service's processes, one at a time, to show that chaos finds them."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import update

from app.domain.batch_states import BatchEnd
from app.services.audiences import member_uploads, recompute, write_snapshot
from app.services.planning import plan
from app.services.syncs import batch_outcomes, settle
from app.snapshots.engine import StoredFile
from app.storage.models import Run
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository

LATER = 1.0  # seconds from a row until its file


def write_ahead() -> None:
    """R8: an attempt without a result counts as not made, when its lease ends and when its sync is folded."""
    right = batch_outcomes.outcomes_of

    def outcomes(batches: Any) -> Any:
        return [
            replace(one, state=BatchEnd.UNTOUCHED) if one.state is BatchEnd.ATTEMPTED else one
            for one in right(batches)
        ]

    vars(settle)["outcomes_of"] = outcomes


def fold_at_every_end() -> None:
    """R8: a sync that is cancelled or fails ends without its receipts."""
    right = settle._fold

    async def fold(platform: Any, work: Any) -> Any:
        folded = await right(platform, work)
        return replace(folded, holdings=work.holdings) if work.sync.closing else folded

    settle._fold = fold


def fence() -> None:
    """R9: a worker may write a run, and make its snapshot current, although another worker has the lease or has ended it."""

    async def fenced(
        self: RunRepository, space_id: str, run_id: str, token: int, **values: Any
    ) -> bool:
        await self.session.execute(
            update(Run).where(Run.space_id == space_id, Run.id == run_id).values(**values)
        )
        return True

    async def lock_audience(session: Any, work: Any) -> Any:
        return await AudienceRepository(session).get(
            work.run.space_id, work.run.audience_id, lock="update"
        )

    RunRepository._fenced = fenced  # type: ignore[method-assign]
    recompute._lock_audience = lock_audience


def settle_time() -> None:
    """R11: the next plan does not wait for calls that the partner may still apply."""

    async def settled_at(self: SyncRepository, *_: Any) -> None:
        return None

    SyncRepository.settled_at = settled_at  # type: ignore[assignment,method-assign]


def file_before_row() -> None:
    """R2: the row is written first, and its file a second later."""
    tasks: set[asyncio.Task[None]] = set()

    async def put(objects: Any, copy: Path, key: str) -> None:
        await asyncio.sleep(LATER)
        await objects.put(copy, key)

    async def store_file(objects: Any, local: Path, key: str, rows: int) -> StoredFile:
        copy = local.with_name(f"{local.name}.later")
        shutil.move(local, copy)
        content = copy.read_bytes()
        task = asyncio.create_task(put(objects, copy, key))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        digest = hashlib.sha256(content).hexdigest()
        return StoredFile(key=key, sha256=digest, rows=rows, bytes=len(content))

    for module in (plan, settle, write_snapshot, member_uploads):
        module.store_file = store_file  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Mutant:
    """A fault, and the kind of finding that shows it: a run that is red for another reason has not found it."""

    plant: Callable[[], None]
    shown_by: str


MUTANTS = {
    "write-ahead": Mutant(write_ahead, "wrong members"),
    "fold": Mutant(fold_at_every_end, "wrong members"),
    "fence": Mutant(fence, "wrong members"),
    "settle-time": Mutant(settle_time, "inversions"),
    "file-before-row": Mutant(file_before_row, "failed"),
}
