"""Activations whose audience could not be computed: the last error says why, and a notice goes out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import to_wire
from app.domain.computing import NOT_COMPUTED
from app.services.syncs.lifecycle import is_at_work
from app.services.syncs.notices import notify_not_computed
from app.storage.models import Activation, Audience, Run
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.notices import NoticeRepository
from app.storage.repositories.runs import RunRepository

NOTICE_EVERY = timedelta(hours=12)  # notices of an activation whose audience fails each time


async def report_failed_run(
    session: AsyncSession, run: Run, audience: Audience, error: dict[str, Any]
) -> None:
    """Report a failed run to the activations that read its audience. Those that wait for a run learn of it at their turn."""
    message = (
        f"The audience {audience.name!r} could not be computed, so the destination keeps the members of before: "
        f"{error['message']} See the run {run.id}."
    )
    now = await RunRepository(session).database_now()
    for activation in await ActivationRepository(session).reading(
        run.space_id, run.audience_id, lock="update"
    ):
        if is_at_work(activation) and activation.awaits_since is None:
            await report_not_computed(session, activation, run, message, now)


async def report_not_computed(
    session: AsyncSession, activation: Activation, run: Run, message: str, at: datetime
) -> None:
    """Write the last error of a locked activation, and leave a notice, unless the last one is less than 12 hours old."""
    activation.last_error = {
        "message": message,
        "code": NOT_COMPUTED,
        "at": to_wire(at),
        "audienceId": run.audience_id,
        "runId": run.id,
    }
    repository = NoticeRepository(session)
    if not await repository.has_not_computed(activation, to_wire(at - NOTICE_EVERY)):
        notify_not_computed(session, activation)


async def report_complete_run(session: AsyncSession, run: Run) -> None:
    """Forget the error that an audience could not be computed, after a run of it that is complete."""
    for activation in await ActivationRepository(session).reading(
        run.space_id, run.audience_id, lock="update"
    ):
        error = activation.last_error or {}
        if error.get("code") == NOT_COMPUTED and error.get("audienceId") == run.audience_id:
            activation.last_error = None
