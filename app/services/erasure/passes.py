"""Passes of an erasure. Each goes through all places that can hold personal data, and can be repeated after a crash at any point.

An erasure is complete when a whole pass has found nothing and nothing is waited for. While something is waited for, a pass is
not begun before that has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.domain.erasure_states import Awaited, ErasureState
from app.domain.persons import Person
from app.services.erasure.columns import (
    erase_left_changes,
    find_configured,
    search_columns,
)
from app.services.erasure.exits import send_exits
from app.services.erasure.exports import rewrite_exports
from app.services.erasure.files import Rewriting, Tally
from app.services.erasure.names import Asked, complete_names, read_names, seal_names, workspace_of
from app.services.erasure.returns import find_returns
from app.services.erasure.unnamed import delete_unnamed
from app.services.platform import (
    LeaseLost,
    Platform,
    lease_owner,
    retry_transaction,
    run_leased,
)
from app.services.tenancy import record_event, refuse_keys
from app.storage.models import Erasure
from app.storage.repositories.erasures import ErasureRepository
from app.storage.repositories.personal_data import PersonalDataQueries
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

AGAIN = timedelta(seconds=1)  # after a pass that has changed something
LONGEST_WAIT = timedelta(minutes=5)  # for what is waited for


@dataclass(slots=True)
class Work:
    """A claimed erasure, and what its passes in this process have found."""

    erasure: Erasure
    workspace_id: str
    asked: Asked
    tally: Tally = field(default_factory=Tally)
    waits: list[dict[str, Any]] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)

    @property
    def person(self) -> Person:
        """The person."""
        return self.asked.person


async def carry_on_erasure(
    platform: Platform, space_id: str, erasure_id: str, *, lane: str
) -> bool:
    """Carry out one pass of an erasure. Returns False if it is not due, or if another worker has it."""

    async def claim() -> Work | None:
        async with platform.unit_of_work() as session:
            erasure = await ErasureRepository(session).claim(
                space_id, erasure_id, lease_owner(lane), platform.settings.lease
            )
        if erasure is None:
            return None
        workspace_id = await workspace_of(platform, space_id)
        work = Work(erasure, workspace_id, read_names(platform.keyring, workspace_id, erasure))
        work.tally.write = partial(_write_counts, work)
        return work

    return await run_leased(
        lease=platform.settings.lease,
        claim=claim,
        renew=partial(_renew, platform),
        work=partial(_work, platform),
        give_back=partial(_release, platform),
        later=partial(_later, platform),
    )


async def _renew(platform: Platform, work: Work) -> bool:
    async with platform.unit_of_work() as session:
        return await ErasureRepository(session).renew(work.erasure, platform.settings.lease)


async def _release(platform: Platform, work: Work, wait: timedelta = AGAIN) -> None:
    async with platform.unit_of_work() as session:
        await ErasureRepository(session).release(work.erasure, wait)


async def _later(platform: Platform, work: Work, error: Exception) -> None:
    """Try again after any error: each part can be repeated."""
    log.error("erasure_failed", erasure_id=work.erasure.id, exc_info=error)
    await _release(platform, work, _wait_of(work.erasure.attempts))


def _wait_of(attempts: int) -> timedelta:
    """Return the time until the next pass, which doubles with each one that has changed nothing."""
    return min(AGAIN * (1 << min(attempts, 9)), LONGEST_WAIT)


async def _work(platform: Platform, work: Work) -> None:
    erasure = work.erasure
    if erasure.state != ErasureState.NEW and await _is_awaited(platform, erasure):
        await _release(platform, work, _wait_of(erasure.attempts - erasure.passes))
        return
    if not work.asked.is_complete:
        await _complete_names(platform, work)
    pins = await _pass(platform, work)
    await _record(platform, work, pins)


async def _is_awaited(platform: Platform, erasure: Erasure) -> bool:
    """Return whether every run and sync that is waited for is still open, and nothing else is waited for."""
    for wait in erasure.waits:
        async with platform.unit_of_work() as session:
            is_open = await _is_open(session, erasure, wait)
        if not is_open:
            return False
    return bool(erasure.waits)


async def _is_open(session: AsyncSession, erasure: Erasure, wait: Mapping[str, Any]) -> bool:
    space_id = erasure.space_id
    if wait["reason"] == Awaited.RUN:
        run = await RunRepository(session).get(space_id, wait["runId"])
        return run is not None and run.state.is_open
    if wait["reason"] == Awaited.READER:
        at_work = await PersonalDataQueries(session).open_work(space_id, besides=erasure.id)
        return bool(wait["readers"]) and all(one in at_work for one in wait["readers"])
    if wait["reason"] == Awaited.SYNC:
        sync = await SyncRepository(session).get(space_id, wait["syncId"])
        return sync is not None and sync.state.is_open
    return False


async def _write_counts(work: Work, session: AsyncSession) -> None:
    """Write what was found so far. Raises LeaseLost."""
    found = _added(work.erasure.found, work)
    if not await ErasureRepository(session).fenced(work.erasure, found=found):
        raise LeaseLost


async def _complete_names(platform: Platform, work: Work) -> None:
    """Find the person's names, and store them before anything is changed: later they can be found no more."""
    erasure = work.erasure
    work.asked = await complete_names(platform, erasure.space_id, work.asked)
    sealed = seal_names(platform.keyring, work.workspace_id, erasure.id, work.asked)

    async def write(session: AsyncSession) -> None:
        if not await ErasureRepository(session).fenced(erasure, person=sealed):
            raise LeaseLost

    await retry_transaction(platform.unit_of_work, write)


async def _pass(platform: Platform, work: Work) -> dict[str, list[str]]:
    """Go through all places. Returns the files that are still to be deleted, with the work that may read them."""
    erasure, person = work.erasure, work.person
    rewriting = Rewriting(platform, erasure.space_id, person, work.tally)
    async with platform.unit_of_work() as session:
        if erasure.refuse:
            await refuse_keys(session, platform.keyring, erasure.space_id, person.texts, erasure.id)
        queries = PersonalDataQueries(session)
        work.waits += [
            {"reason": Awaited.RUN.value, "audienceId": run.audience_id, "runId": run.id}
            for run in await queries.open_runs(erasure.space_id)
            if run.created_at <= erasure.created_at
        ]
        activations = await queries.activations(erasure.space_id)
        at_begin = set(await queries.open_work(erasure.space_id, besides=erasure.id))
        await _note_readers(session, erasure, at_begin)
    await rewriting.inputs()
    await erase_left_changes(platform, erasure.space_id, person, work.tally)
    await rewriting.datasets()
    await rewriting.snapshots()
    for activation in activations:
        presence = await send_exits(platform, activation, person, erasure.requested_by)
        if presence.held and presence.kept:
            work.kept.append(
                {"activationId": activation.id, "reason": presence.kept, "keys": presence.held}
            )
        await rewriting.syncs(activation)
        if presence.waits is None:
            await rewriting.holdings(activation)
        else:
            work.waits.append(presence.waits)
    await rewrite_exports(platform, erasure.space_id, person, work.tally)
    await search_columns(platform, erasure.space_id, work.workspace_id, person, work.tally)
    pins, deleted = await delete_unnamed(
        platform, erasure.space_id, person, erasure.unnamed, work.tally.clean, erasure.id
    )
    if deleted:
        work.tally.add("files", deleted=deleted)
    readers = {one for key in pins for one in pins[key]} | await _readers(platform, work, at_begin)
    if readers or pins:
        work.waits.append({"reason": Awaited.READER.value, "readers": sorted(readers)})
    return pins


async def _note_readers(session: AsyncSession, erasure: Erasure, readers: set[str]) -> None:
    """Record the work that may read the person now. A pass that is cut has changed files, in which the next one finds nothing."""
    waits = [{"reason": Awaited.READER.value, "readers": sorted(readers)}] if readers else []
    if not await ErasureRepository(session).fenced(erasure, waits=waits):
        raise LeaseLost


async def _readers(platform: Platform, work: Work, at_begin: set[str]) -> set[str]:
    """Return the work that may have read the person before, and may still write it: that of earlier passes, and of this one.

    A pass that has found nothing counts for a reader only if the reader had ended when the pass began: one that ended in
    between may have written behind it.
    """
    erasure = work.erasure
    if not work.tally.found:
        return at_begin & {one for wait in erasure.waits for one in wait.get("readers") or ()}
    async with platform.unit_of_work() as session:
        return set(
            await PersonalDataQueries(session).open_work(erasure.space_id, besides=erasure.id)
        )


async def _record(platform: Platform, work: Work, pins: dict[str, list[str]]) -> None:
    """Write what was found. The erasure is complete if that was nothing, and nothing is waited for."""
    erasure = work.erasure
    is_over = not work.tally.found and not work.waits
    found = _added(erasure.found, work)
    if is_over:
        found["configured"] = await find_configured(platform, erasure.space_id, work.person)
        found["returns"] = await find_returns(platform, erasure.space_id)

    async def write(session: AsyncSession) -> None:
        repository = ErasureRepository(session)
        values = {
            "found": found,
            "waits": work.waits,
            "unnamed": pins,
            "passes": erasure.passes + 1,
        }
        if not is_over:
            waited = work.waits and not work.tally.found
            wait = _wait_of(erasure.attempts) if waited else AGAIN
            written = await repository.release(erasure, wait, state=ErasureState.WAITING, **values)
        else:
            written = await repository.finish(erasure, **values)
            await _report(session, erasure)
        if not written:
            raise LeaseLost

    await retry_transaction(platform.unit_of_work, write)
    log.info("erasure_pass", erasure_id=erasure.id, complete=is_over)


async def _report(session: AsyncSession, erasure: Erasure) -> None:
    await record_event(
        session,
        space_id=erasure.space_id,
        type="Profile Erased",
        actor=erasure.requested_by,
        resource_type="erasure",
        resource_id=erasure.id,
        resource_name=erasure.id,
    )


def _added(before: Mapping[str, Any], work: Work) -> dict[str, Any]:
    """Add the counts of a pass to those of earlier ones."""
    places: dict[str, dict[str, int]] = {
        place: dict(counts) for place, counts in (before.get("places") or {}).items()
    }
    for place, counts in work.tally.found.items():
        there = places.setdefault(place, {})
        for name, count in counts.items():
            there[name] = there.get(name, 0) + count
    return {
        **before,
        "places": places,
        "profiles": len(work.asked.ids),
        "identifiers": len(work.asked.values),
        "shared": work.asked.shared,
        "kept": _merged(before.get("kept") or (), work.kept),
    }


def _merged(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    return [dict(one) for one in {one["activationId"]: one for one in (*before, *now)}.values()]
