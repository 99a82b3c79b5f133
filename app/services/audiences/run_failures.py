"""Failures of runs: retried, recorded, or separated from the other changes of the run."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import ConnectorError, TransientFailure
from app.core.errors import AppError
from app.core.ids import new_id
from app.core.logging import get_logger
from app.core.objects import StoreAway
from app.domain import retry
from app.domain.run_states import RunState
from app.services.audiences.source_turns import NoRoom
from app.services.audiences.write_snapshot import Work
from app.services.platform import Platform, is_lost, retry_transaction, wake_recompute
from app.services.syncs import report_failed_run
from app.snapshots.definitions import DefinitionFailed
from app.storage.models import Run
from app.storage.repositories.member_patches import MemberPatchRepository
from app.storage.repositories.runs import RunRepository

log = get_logger(__name__)

MAX_ATTEMPTS = 6
PATIENCE = 75  # tries, ten minutes: until the database is back (R26)
_KEPT = "The changes of members are kept, and are tried again in a while."


class WorkersEnded(DefinitionFailed):
    """The workers that computed a run ended, again and again."""


async def record_error(platform: Platform, work: Work, error: Exception) -> None:
    """Record why a run was not computed: fail it, or release it for another try.

    An error of the database says nothing about the run: then the attempt does not count.
    """
    match error:
        case StoreAway():
            log.warning("run_store_away", run_id=work.run.id, reason=str(error))
            await give_back(platform, work, platform.settings.retry_waits[0])
        case _ if is_lost(error):
            log.warning("run_database_lost", run_id=work.run.id, error=type(error).__name__)
            await give_back(platform, work, platform.settings.retry_waits[0])
        case WorkersEnded():
            await _fail(platform, work, _described(error))
        case NoRoom():
            await give_back(platform, work, error.wait)
        case TransientFailure() | AppError(can_pass=True):
            await _later_or_fail(platform, work, error)
        case AppError() | ConnectorError() | DefinitionFailed():
            await _refuse(platform, work, _described(error))
        case _:
            await _later_or_fail(platform, work, error)


async def report_alive(platform: Platform, work: Work) -> None:
    """Report a worker that lost the lease of a run: it came too late, so the run has not cost a worker its life."""
    log.warning("run_lease_lost", run_id=work.run.id)
    run = work.run

    async def write(session: AsyncSession) -> None:
        await RunRepository(session).report_alive(run.space_id, run.id, run.lease_token)

    await retry_transaction(platform.unit_of_work, write, lost_tries=PATIENCE)


async def wake_next(session: AsyncSession, run: Run) -> None:
    """Wake the next open run of the audience of ``run``."""
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
    """Fail a run whose input is at fault. A run of several patches is halved until the faulty patch is alone."""
    if work.run.kind != "patch":
        await _fail(platform, work, error)
    elif len(work.patches) > 1:
        await _halve(platform, work, error)
    else:
        await _fail(platform, work, error, keep_patches=False)


async def _halve(platform: Platform, work: Work, error: dict[str, Any]) -> None:
    run, later = work.run, work.patches[len(work.patches) // 2 :]

    async def write(session: AsyncSession) -> None:
        if not await _release(session, work, timedelta(0), error=error, attempts=0):
            return
        second = _second_half(run)
        session.add(second)
        await session.flush()
        await MemberPatchRepository(session).move(
            run.space_id, [patch.id for patch in later], second.id
        )
        await wake_next(session, second)

    await retry_transaction(platform.unit_of_work, write, lost_tries=PATIENCE)
    log.warning("patch_run_halved", run_id=run.id, patches=len(work.patches))


def _second_half(run: Run) -> Run:
    """Return a new run for the later patches of a run."""
    return Run(
        space_id=run.space_id,
        id=new_id("run"),
        audience_id=run.audience_id,
        kind="patch",
        trigger=run.trigger,
        state=RunState.NEW,
        as_of=run.as_of,
        created_by=run.created_by,
        created_at=run.created_at,  # keeps its order among the audience's runs
    )


async def _fail(
    platform: Platform, work: Work, error: dict[str, Any], *, keep_patches: bool = True
) -> None:
    if work.run.kind == "patch" and keep_patches:
        error = {**error, "message": f"{error['message']} {_KEPT}"}

    async def write(session: AsyncSession) -> None:
        written = await RunRepository(session).finish(
            work.run.space_id,
            work.run.id,
            work.run.lease_token,
            state=RunState.FAILED,
            sources=work.sources,
            notes=work.notes,
            error=error,
        )
        if written:
            await report_failed_run(session, work.run, work.audience, error)
        if written and work.run.kind == "patch" and keep_patches:
            await MemberPatchRepository(session).leave(work.run.space_id, work.run.id)
        elif written and work.run.kind == "patch":
            await MemberPatchRepository(session).drop(work.run.space_id, work.run.id)
        await wake_next(session, work.run)

    await retry_transaction(platform.unit_of_work, write, lost_tries=PATIENCE)
    log.warning("run_failed", run_id=work.run.id, attempts=work.run.attempts)


async def _later_or_fail(platform: Platform, work: Work, error: Exception) -> None:
    described = {"message": f"{type(error).__name__}: the computation broke; see the worker's log."}
    if isinstance(error, TransientFailure):
        log.warning("run_source_unavailable", run_id=work.run.id, code=error.code)
        described = _described(error)
    elif isinstance(error, AppError):
        log.warning("run_put_off", run_id=work.run.id, reason=error.message)
        described = _described(error)
    else:
        log.error("run_error", run_id=work.run.id, exc_info=error)
    if isinstance(error, OSError) and error.strerror:
        described = {"message": f"The worker's storage failed: {error.strerror}."}
    if work.run.attempts >= MAX_ATTEMPTS:
        await _fail(platform, work, described)
        return
    wait = retry.backoff(work.run.attempts, platform.settings.retry_waits, random.random())  # noqa: S311  jitter
    await _release_later(platform, work, wait, sources=work.sources, error=described)


async def give_back(platform: Platform, work: Work, wait: timedelta = timedelta(0)) -> None:
    """Release a run that a stopping worker (R18), or one without a free slot, has not computed."""
    await _release_later(platform, work, wait, attempts=work.run.attempts - 1)


async def _release_later(platform: Platform, work: Work, wait: timedelta, **values: Any) -> None:
    async def write(session: AsyncSession) -> None:
        await _release(session, work, wait, **values)

    await retry_transaction(platform.unit_of_work, write, lost_tries=PATIENCE)


async def _release(session: AsyncSession, work: Work, wait: timedelta, **values: Any) -> bool:
    """Release a run for a later attempt. Returns False if another worker has it, which had counted this one as lost."""
    run, repository = work.run, RunRepository(session)
    if await repository.release(run.space_id, run.id, run.lease_token, wait, **values):
        return True
    await repository.report_alive(run.space_id, run.id, run.lease_token)
    return False
