"""Plans that fail: tried again without an end after an outage, given up after three tries for any other reason (R23)."""

from __future__ import annotations

import random
import traceback
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import AuthenticationRejected, ConfigurationRejected, ConnectorError
from app.core.errors import AppError
from app.core.logging import get_logger
from app.domain import retry
from app.domain.sync_states import SyncState
from app.services.delivery import pause_activation
from app.services.platform import Platform, is_migrated_ahead, retry_transaction, server_away
from app.services.syncs import notify_sync_ended, write_state
from app.snapshots.engine import UnknownFormat, is_lasting_fault
from app.storage.models import Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

TRIES = 3  # of a plan that fails for a reason that lasts
DRY_RUN_TRIES = 8  # a dry run is not tried without an end, whatever the reason
SHOWN_AFTER = 3  # failed tries, before the activation shows the reason
_TIMES = "times"  # in the stored error: the tries in a row that failed for its reason
#: Errors of the service itself. Everything else (database, storage, network, partner) can pass without a change.
_FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
_REFUSED = (AuthenticationRejected, ConfigurationRejected)


async def record_failure(platform: Platform, sync: Sync, error: Exception) -> None:
    """Record why a sync was not planned, and try it later, or give it up."""
    described = _described(sync, error)
    if isinstance(error, UnknownFormat) and await is_migrated_ahead(platform):
        # During an upgrade: a worker of the newer version reads the file.
        del described[_TIMES]
    if isinstance(error, AppError) and not error.can_pass:
        await _fail(platform, sync, described)
        return
    if not isinstance(error, AppError | ConnectorError | UnknownFormat):
        log.error("plan_failed", sync_id=sync.id, exc_info=error)
    is_last = described.get(_TIMES) == TRIES
    if sync.kind == "dry_run" and (is_last or sync.attempts >= DRY_RUN_TRIES):
        await _fail(platform, sync, described)
    elif is_last:
        words = f"{described['message']} It was tried {TRIES} times."
        await _give_up(platform, sync, {**described, "message": words})
    else:
        await put_off(platform, sync, described)


async def give_up_lost(platform: Platform, sync: Sync) -> None:
    """Give up a plan whose workers ended again and again during the computation, so that it blocks nobody."""
    words = f"Planning ended {sync.lost_leases} workers in a row; most likely it needs more memory than there is."
    end = _fail if sync.kind == "dry_run" else _give_up
    await end(platform, sync, {"message": words, "code": "planning_failed"})


async def put_off(platform: Platform, sync: Sync, error: dict[str, Any]) -> None:
    """Release a sync that is planned later. ``error`` is ``{message, code?, times?}``."""
    wait = retry.backoff(sync.attempts, platform.settings.retry_waits, random.random())  # noqa: S311  jitter
    is_shown = sync.kind != "dry_run" and sync.attempts >= SHOWN_AFTER

    async def write(session: AsyncSession) -> None:
        activation = await ActivationRepository(session).get_any(
            sync.space_id, sync.activation_id, lock="update"
        )
        released = await SyncRepository(session).release(
            sync.space_id, sync.id, sync.lease_token, wait=wait, error=error
        )
        if released and is_shown and activation is not None:
            activation.last_error = error

    await retry_transaction(platform.unit_of_work, write)


def _described(sync: Sync, error: Exception) -> dict[str, Any]:
    """Return ``{message, code?, times?}``; ``times`` counts the tries in a row that failed for a reason that lasts."""
    described = _words_of(error)
    if is_lasting(error):
        before = sync.error or {}
        is_same = before.get("message") == described["message"]
        described[_TIMES] = 1 + (int(before.get(_TIMES, 0)) if is_same else 0)
    return described


def is_lasting(error: Exception) -> bool:
    """Return whether only a change of settings, of stored files or of the service helps."""
    return isinstance(error, _REFUSED) or (isinstance(error, _FAULTS) or is_lasting_fault(error))


def _words_of(error: Exception) -> dict[str, Any]:
    if (server := server_away(error)) is not None:
        return {"message": f"The {server} is unavailable; see the worker's log."}
    if isinstance(error, ConnectorError):
        return {"message": error.message, "code": error.code}
    if isinstance(error, AppError | UnknownFormat):
        return {"message": str(error)}
    if isinstance(error, OSError) and error.strerror:
        return {"message": f"Planning failed: the worker's storage failed: {error.strerror}."}
    if is_lasting(error):
        where = _where(error)
        words = f"Planning failed: an error inside the service ({where}). The worker's log has the details: plan_failed."
        return {"message": words, "code": "planning_failed"}
    return {
        "message": "Planning failed: a part of the service cannot be reached. The worker's log has the details: plan_failed."
    }


def _where(error: Exception) -> str:
    """Return the line of the service's code at which an error was raised. The engine's own words are not for users."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/app/" in frame.filename] or frames
    return f"{own[-1].name}, line {own[-1].lineno}" if own else "unknown"


async def _fail(platform: Platform, sync: Sync, error: dict[str, Any]) -> None:
    await retry_transaction(platform.unit_of_work, partial(_write_failed, sync, error))
    log.warning("sync_failed", sync_id=sync.id)


async def _write_failed(sync: Sync, error: dict[str, Any], session: AsyncSession) -> None:
    repository = SyncRepository(session)
    activation = await ActivationRepository(session).get_any(
        sync.space_id, sync.activation_id, lock="update"
    )
    assert activation is not None  # noqa: S101  a foreign key
    written = await write_state(
        session,
        sync,
        SyncState.FAILED,
        error=error,
        lease_owner=None,
        lease_until=None,
        finished_at=await RunRepository(session).database_now(),
    )
    failed = await repository.get(sync.space_id, sync.id) if written else None
    if failed is not None and failed.kind != "dry_run":
        activation.last_error = error
        before = await repository.state_before(failed)
        notify_sync_ended(session, activation, failed, before)


async def _give_up(platform: Platform, sync: Sync, error: dict[str, Any]) -> None:
    """Put the activation into the state ``error``, and close the sync as failed."""
    reason = ConnectorError(error["message"], code=error.get("code"))

    async def write(session: AsyncSession) -> None:
        await ActivationRepository(session).get_any(
            sync.space_id, sync.activation_id, lock="update"
        )
        if await SyncRepository(session).release(sync.space_id, sync.id, sync.lease_token):
            await pause_activation(session, sync.space_id, sync.activation_id, reason)

    await retry_transaction(platform.unit_of_work, write)
