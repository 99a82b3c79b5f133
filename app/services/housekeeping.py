"""What is kept for a time only: repeated answers a day, previews a week, the audit trail 90 days."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.services import audit, idempotency, previews


async def forget_old(session: AsyncSession, *, now: datetime) -> dict[str, int]:
    """Remove what is past its time, of all workspaces; how much of each it was. For the sweep, once in a while."""
    return {
        "idempotency_keys": await idempotency.forget_old(session, now=now),
        "previews": await previews.forget_old(session, now=now),
        "audit_events": await audit.forget_old(session, now=now),
    }
