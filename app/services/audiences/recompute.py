"""Recompute: from input to a snapshot that is current, and the syncs that follow from it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import ConnectorError, TransientFailure
from app.core.errors import AppError
from app.core.ids import new_id
from app.core.logging import get_logger
from app.domain import retry
from app.domain.run_states import RunState
from app.services.audiences.definition_rows import Reading
from app.services.audiences.source_turns import NoRoom
from app.services.audiences.write_snapshot import Computed, Work, compute_snapshot
from app.services.platform import (
    LeaseLost,
    Platform,
    lease_owner,
    run_leased,
    wake_recompute,
)
from app.services.syncs import snapshot_changed
from app.snapshots.definitions import DefinitionFailed
from app.storage.models import MemberPatch, Run, Snapshot
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.member_patches import MemberPatchRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.snapshots import SnapshotRepository

log = get_logger(__name__)

MAX_LOST_LEASES = 2  # then «out of memory?» rather than once more
MAX_ATTEMPTS = 6
KEPT = "The changes of members are kept, and are tried again in a while."


class LostTwice(DefinitionFailed):
    """Whoever computed it did not come back, twice."""


async def recompute_audience(platform: Platform, space_id: str, run_id: str, *, lane: str) -> bool:
    """Compute one run. Returns False if it is not due, or if another worker has it."""
    return await run_leased(
        lease=platform.settings.lease,
        claim=partial(_claim, platform, space_id, run_id, lease_owner(lane)),
        renew=partial(_renew, platform),
        work=partial(_recompute, platform),
        give_back=partial(_given_back, platform),
        later=partial(_record_error, platform),
        lost=partial(log.warning, "run_lease_lost", run_id=run_id),
    )


async def _recompute(platform: Platform, work: Work) -> None:
    if work.run.lost_leases >= MAX_LOST_LEASES:
        raise LostTwice(
            "The run was lost twice in a row; most likely it needs more memory than there is."
        )
    computed = await compute_snapshot(platform, work)
    await _make_current(platform, work, computed)


async def _renew(platform: Platform, work: Work) -> bool:
    run = work.run
    async with platform.unit_of_work() as session:
        return await RunRepository(session).renew(
            run.space_id, run.id, run.lease_token, platform.settings.lease, sources=work.sources
        )


async def _record_error(platform: Platform, work: Work, error: Exception) -> None:
    """Record why a run was not computed, whatever the reason is."""
    match error:
        case LostTwice():
            await _fail(platform, work, _described(error))
        case NoRoom():
            await _given_back(platform, work, error.wait)
        case TransientFailure():
            await _later_or_fail(platform, work, error)
        case AppError() | ConnectorError() | DefinitionFailed():
            await _refuse(platform, work, _described(error))
        case _:
            await _later_or_fail(platform, work, error)


async def _claim(platform: Platform, space_id: str, run_id: str, owner: str) -> Work | None:
    async with platform.unit_of_work() as session:
        repository = RunRepository(session)
        run = await repository.claim(space_id, run_id, owner, platform.settings.lease)
        if run is None:
            return None
        audience = await AudienceRepository(session).get(space_id, run.audience_id)
        assert audience is not None  # noqa: S101  a foreign key says so
        previous = None
        if audience.current_snapshot_id is not None:
            previous = await SnapshotRepository(session).get(space_id, audience.current_snapshot_id)
        patches: Sequence[MemberPatch] = ()
        if run.kind == "patch":
            patches = await MemberPatchRepository(session).take(space_id, run.audience_id, run.id)
        return Work(run, audience, previous, patches, Reading())


async def _make_current(platform: Platform, work: Work, computed: Computed) -> None:
    """In one fenced transaction: the snapshot's row, the audience's pointer, and the syncs (R2, R6)."""
    async with platform.unit_of_work() as session:
        repository = RunRepository(session)
        audience = await AudienceRepository(session).get(
            work.run.space_id, work.run.audience_id, lock="update"
        )
        if audience is None or audience.version != work.audience.version:
            # Cannot be while runs of an audience go one by one; the fence says so once more.
            raise LeaseLost
        audience.version += 1
        snapshot = _snapshot_row(work, computed, audience.version)
        session.add(snapshot)
        becomes_current = _is_newer(work)
        if becomes_current:
            audience.current_snapshot_id = snapshot.id
        await session.flush()
        written = await repository.finish(
            work.run.space_id,
            work.run.id,
            work.run.lease_token,
            state=RunState.COMPLETE,
            snapshot_id=snapshot.id,
            became_current=becomes_current,
            members=computed.stats.rows,
            entered=computed.comparison.entered,
            exited=computed.comparison.exited,
            sources=work.sources,
            error=None,
        )
        if not written:
            raise LeaseLost
        if work.run.kind == "patch":
            await MemberPatchRepository(session).drop(work.run.space_id, work.run.id)
        else:
            await MemberPatchRepository(session).drop_left(
                work.run.space_id, work.run.audience_id, work.run.created_at
            )
        if becomes_current and audience.pinned_snapshot_id is None:
            await snapshot_changed(
                session, audience.space_id, audience.id, actor=work.run.created_by, trigger="run"
            )
        await _ring_next(session, work.run)
    log.info("run_complete", run_id=work.run.id, members=computed.stats.rows)


def _snapshot_row(work: Work, computed: Computed, version: int) -> Snapshot:
    return Snapshot(
        space_id=work.run.space_id,
        id=new_id("snp"),
        audience_id=work.run.audience_id,
        run_id=work.run.id,
        version=version,
        as_of=work.run.as_of,
        manifest=computed.manifest.to_json(),
        traits=dict(computed.stats.traits),
        identifiers=list(computed.stats.identifiers),
        row_count=computed.stats.rows,
        byte_count=sum(file.bytes for file in computed.manifest.files),
    )


def _is_newer(work: Work) -> bool:
    if work.run.kind != "definition":
        # What is supplied counts in the order in which it was accepted, whatever the clocks of our hosts say.
        return True
    return work.previous is None or work.run.make_current or work.run.as_of >= work.previous.as_of


async def _ring_next(session: AsyncSession, run: Run) -> None:
    following = await RunRepository(session).next_open(run.space_id, run.audience_id)
    if following is not None and following.id != run.id:
        wake_recompute(session, following)


def _described(error: Exception) -> dict[str, Any]:
    if isinstance(error, AppError):
        problems = [
            {"message": problem.message, **({"field": problem.field} if problem.field else {})}
            for problem in error.problems
        ]
        return {"message": problems[0]["message"], "problems": problems}
    if isinstance(error, ConnectorError):
        return {"message": error.message, "code": error.code}
    return {"message": str(error)}


async def _refuse(platform: Platform, work: Work, error: dict[str, Any]) -> None:
    """What was supplied or defined is at fault. Patches that came together are told apart by halves."""
    if work.run.kind != "patch":
        await _fail(platform, work, error)
    elif len(work.patches) > 1:
        await _halve(platform, work, error)
    else:
        await _fail(platform, work, error, keep_patches=False)


async def _halve(platform: Platform, work: Work, error: dict[str, Any]) -> None:
    run, later = work.run, work.patches[len(work.patches) // 2 :]
    async with platform.unit_of_work() as session:
        repository = RunRepository(session)
        if not await repository.release(
            run.space_id, run.id, run.lease_token, timedelta(0), error=error, attempts=0
        ):
            return
        other = Run(
            space_id=run.space_id,
            id=new_id("run"),
            audience_id=run.audience_id,
            kind="patch",
            trigger=run.trigger,
            state=RunState.NEW,
            as_of=run.as_of,
            created_by=run.created_by,
            created_at=run.created_at,  # its place among the audience's runs
        )
        session.add(other)
        await session.flush()
        await MemberPatchRepository(session).move(
            run.space_id, [patch.id for patch in later], other.id
        )
        await _ring_next(session, other)
    log.warning("patch_run_halved", run_id=run.id, patches=len(work.patches))


async def _fail(
    platform: Platform, work: Work, error: dict[str, Any], *, keep_patches: bool = True
) -> None:
    if work.run.kind == "patch" and keep_patches:
        error = {**error, "message": f"{error['message']} {KEPT}"}
    async with platform.unit_of_work() as session:
        repository = RunRepository(session)
        written = await repository.finish(
            work.run.space_id,
            work.run.id,
            work.run.lease_token,
            state=RunState.FAILED,
            sources=work.sources,
            error=error,
        )
        if written and work.run.kind == "patch" and keep_patches:
            await MemberPatchRepository(session).leave(work.run.space_id, work.run.id)
        elif written and work.run.kind == "patch":
            await MemberPatchRepository(session).drop(work.run.space_id, work.run.id)
        await _ring_next(session, work.run)
    log.warning("run_failed", run_id=work.run.id, attempts=work.run.attempts)


async def _later_or_fail(platform: Platform, work: Work, error: Exception) -> None:
    described = {"message": f"{type(error).__name__}: the computation broke; see the worker's log."}
    if isinstance(error, TransientFailure):
        log.warning("run_source_away", run_id=work.run.id, code=error.code)
        described = _described(error)
    else:
        log.error("run_broke", run_id=work.run.id, exc_info=error)
    if isinstance(error, OSError) and error.strerror:
        described = {"message": f"The worker's storage failed: {error.strerror}."}
    if work.run.attempts >= MAX_ATTEMPTS:
        await _fail(platform, work, described)
        return
    wait = retry.backoff(work.run.attempts, platform.settings.retry_waits, random.random())  # noqa: S311  jitter
    async with platform.unit_of_work() as session:
        await RunRepository(session).release(
            work.run.space_id,
            work.run.id,
            work.run.lease_token,
            wait,
            sources=work.sources,
            error=described,
        )


async def _given_back(platform: Platform, work: Work, wait: timedelta = timedelta(0)) -> None:
    """R18: a worker that stops lets go of what it has not done; so does one that has no room for it."""
    async with platform.unit_of_work() as session:
        await RunRepository(session).release(
            work.run.space_id,
            work.run.id,
            work.run.lease_token,
            wait,
            attempts=work.run.attempts - 1,
        )
