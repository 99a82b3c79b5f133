"""While the object store is away, each step names it, gives nothing up, and goes on when it is back."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from sqlalchemy import select, text

from app.queue import Task
from app.services.syncs.syncs import cancel_sync
from app.storage.models import Attempt, Run
from tests.flow import ACTOR, Flow
from tests.stepping import Hand


@contextlib.contextmanager
def store_away(flow: Flow, *, unmounted: bool = False) -> Iterator[None]:
    """Replace the folder of the store by a file, or by an empty folder as without its volume."""
    folder = unquote(urlsplit(flow.platform.settings.storage).path)
    shutil.move(folder, f"{folder}.moved")
    Path(folder).mkdir() if unmounted else Path(folder).touch()
    try:
        yield
    finally:
        Path(folder).rmdir() if unmounted else Path(folder).unlink()
        shutil.move(f"{folder}.moved", folder)


async def make_due(flow: Flow) -> None:
    async with flow.platform.unit_of_work() as session:
        for table in ("run", "sync", "batch"):
            await session.execute(text(f"UPDATE {table} SET next_at = now()"))


@pytest.mark.walk
async def test_each_step_names_the_store_and_goes_on(flow: Flow) -> None:
    hand = Hand(flow)
    activation = await flow.activate(resync=True)
    run = await flow.supply([{"profile_id": "p1"}])

    async def run_now() -> Run:
        async with flow.platform.unit_of_work() as session:
            return (await session.scalars(select(Run).where(Run.id == run.id))).one()

    with store_away(flow):
        for _ in range(8):  # more often than an error of the run is tried
            await hand.once(tasks=(Task.RECOMPUTE,))
            await make_due(flow)
    assert ((await run_now()).state, (await run_now()).attempts) == ("new", 0)
    await hand.once(tasks=(Task.RECOMPUTE,))
    assert (await run_now()).state == "complete"

    with store_away(flow):
        for _ in range(4):
            await hand.once(tasks=(Task.PLAN,))
            await make_due(flow)
        (sync,) = await flow.syncs(activation)
    assert sync.state == "new"
    assert (sync.error or {})["message"].startswith("The object store is unavailable")
    await hand.once(tasks=(Task.PLAN,))

    with store_away(flow):
        await hand.once(tasks=(Task.DELIVER,))
        async with flow.platform.unit_of_work() as session:
            errors = (await session.scalars(select(Attempt.error))).all()
    assert ["object store is unavailable" in str(error) for error in errors] == [True]

    where = flow.space_id, activation, sync.id
    async with flow.platform.unit_of_work() as session:
        await cancel_sync(session, *where, actor=ACTOR)
    with store_away(flow):
        await hand.once(tasks=(Task.SETTLE,))
        (sync,) = await flow.syncs(activation)
        assert (sync.state, sync.closing) == ("running", "cancelled")
    await make_due(flow)
    await hand.quiet()
    await hand.start(activation)
    await hand.quiet()
    assert [sync.state for sync in await flow.syncs(activation)] == ["cancelled", "complete"]
    assert flow.received(activation) == {"p1"}


async def test_a_folder_whose_volume_is_not_mounted_is_away(flow: Flow) -> None:
    """The folder is there and empty: nothing says that a file was lost."""
    hand = Hand(flow)
    await flow.activate(resync=True)
    run = await flow.supply([{"profile_id": "p1"}])
    with store_away(flow, unmounted=True):
        await hand.once(tasks=(Task.RECOMPUTE,))
    async with flow.platform.unit_of_work() as session:
        kept = (await session.scalars(select(Run).where(Run.id == run.id))).one()
    assert (kept.state, kept.attempts) == ("new", 0)
