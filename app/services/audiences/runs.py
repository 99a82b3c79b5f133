"""Runs of audiences and their snapshots: opening, reading, rollback."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict
from app.core.ids import new_id
from app.domain.absence import absence_notes
from app.domain.run_states import RunState
from app.services.platform import wake_recompute
from app.services.syncs import snapshot_changed
from app.services.tenancy import record_change
from app.storage.models import Audience, Run, Snapshot
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.snapshots import SnapshotRepository


async def open_run(
    session: AsyncSession,
    *,
    space_id: str,
    audience: Audience,
    kind: str,
    trigger: str,
    actor: str,
    now: datetime,
    as_of: datetime | None = None,
    make_current: bool = False,
    input: dict[str, Any] | None = None,
) -> Run:
    """Open a run of kind ``definition``, ``upload`` or ``patch``. A patch joins a patch run that has not begun."""
    repository = RunRepository(session)
    if kind == "patch":
        waiting = await repository.new_patch_run(space_id, audience.id)
        if waiting is not None:
            return waiting
    run = Run(
        space_id=space_id,
        id=new_id("run"),
        audience_id=audience.id,
        kind=kind,
        trigger=trigger,
        state=RunState.NEW,
        as_of=as_of or now,
        make_current=make_current,
        input=input,
        created_by=actor,
    )
    session.add(run)
    await session.flush()
    await session.refresh(run)
    wake_recompute(session, run)
    return run


async def get_run(session: AsyncSession, space_id: str, audience_id: str, run_id: str) -> Run:
    """Read a run of an audience. Raises NotFound."""
    return await RunRepository(session).require_in(space_id, audience_id, run_id)


async def list_runs(
    session: AsyncSession, space_id: str, audience_id: str, *, before: str | None, limit: int
) -> tuple[Sequence[Run], int]:
    """Return a page of runs, newest first, and the number of all runs."""
    repository = RunRepository(session)
    page = await repository.list(space_id, audience_id, before=before, limit=limit)
    return page, await repository.count(space_id, audience_id)


async def newest_run(session: AsyncSession, space_id: str, audience_id: str) -> Run | None:
    """Return the newest run of an audience, whatever its state; None without one."""
    found = await RunRepository(session).list(space_id, audience_id, before=None, limit=1)
    return found[0] if found else None


def absent_of(run: Run) -> dict[str, dict[str, int]]:
    """Return the values of identifiers that are none, by column and reason, as they were counted when the run or its upload was read."""
    return run.absent or ((run.input or {}).get("stats") or {}).get("absent") or {}


def run_notes(run: Run) -> list[str]:
    """Return what a person should know of a run, as sentences: what depends on the order of rows, values that were left out, and identifiers that are none."""
    return [*(run.notes or ()), *absence_notes(absent_of(run))]


async def last_upload(session: AsyncSession, space_id: str, audience_id: str) -> Run | None:
    """Read the newest run of an upload of all members; None without one."""
    return await RunRepository(session).last_upload(space_id, audience_id)


async def get_snapshot(
    session: AsyncSession, space_id: str, audience_id: str, snapshot_id: str
) -> Snapshot:
    """Read a snapshot of an audience. Raises NotFound."""
    return await SnapshotRepository(session).require_in(space_id, audience_id, snapshot_id)


async def list_snapshots(
    session: AsyncSession, space_id: str, audience_id: str, *, before: int | None, limit: int
) -> tuple[Sequence[Snapshot], int]:
    """Return a page of snapshots, newest version first, and the number of all snapshots."""
    page = await SnapshotRepository(session).newest(
        space_id, audience_id, before=before, limit=limit
    )
    return page, await SnapshotRepository(session).count(space_id, audience_id)


async def roll_back(
    session: AsyncSession,
    space_id: str,
    audience_id: str,
    snapshot_id: str,
    *,
    actor: str,
    now: datetime,
) -> Audience:
    """Pin an audience to one of its snapshots, and sync its activations to it. Runs continue to write snapshots."""
    return await _pin(session, space_id, audience_id, snapshot_id, actor=actor, now=now)


async def release_pin(
    session: AsyncSession, space_id: str, audience_id: str, *, actor: str, now: datetime
) -> Audience:
    """Release a pinned audience to its newest snapshot. Raises Conflict if it is not pinned."""
    return await _pin(session, space_id, audience_id, None, actor=actor, now=now)


async def _pin(
    session: AsyncSession,
    space_id: str,
    audience_id: str,
    snapshot_id: str | None,
    *,
    actor: str,
    now: datetime,
) -> Audience:
    audience = await AudienceRepository(session).require(space_id, audience_id, lock="update")
    if snapshot_id is None and audience.pinned_snapshot_id is None:
        raise Conflict("The audience is not pinned to a snapshot.")
    if snapshot_id is not None:
        await SnapshotRepository(session).require_in(
            space_id, audience_id, snapshot_id, lock="keep"
        )
    before = _pinned(audience)
    audience.pinned_snapshot_id = snapshot_id
    audience.updated_by, audience.updated_at = actor, now
    await session.flush()
    event = "Audience Rolled Back" if snapshot_id else "Audience Rollback Released"
    await record_change(
        session, "audience", audience, event, actor, before=before, after=_pinned(audience)
    )
    await snapshot_changed(session, space_id, audience_id, actor=actor, trigger="rollback")
    return audience


def _pinned(audience: Audience) -> dict[str, Any]:
    """Return what the audit trail compares: the pinned snapshot, as the list of snapshots shows it."""
    pinned = audience.pinned_snapshot_id
    return {"snapshots": {pinned: {"pinned": True}}} if pinned else {}
