"""Retention: stored responses are kept for a day, previews and silent workers for a week, former contents of datasets for 30 days, the audit trail for 90 days, sign-outs as long as their session would last."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.services.audiences import forget_old_previews
from app.services.datasets import forget_old_contents
from app.services.platform import forget_silent_workers
from app.services.tenancy import forget_ended_sessions, forget_old_events, forget_old_keys


async def forget_old_history(session: AsyncSession, *, now: datetime) -> dict[str, int]:
    """Remove history past its retention in all workspaces. Returns ``{kind: number removed}``."""
    return {
        "idempotency_keys": await forget_old_keys(session, now=now),
        "console_sign_outs": await forget_ended_sessions(session, now=now),
        "previews": await forget_old_previews(session, now=now),
        "workers": await forget_silent_workers(session),
        "dataset_contents": await forget_old_contents(session, now=now),
        "audit_events": await forget_old_events(session, now=now),
    }
