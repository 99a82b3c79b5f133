"""Attempts at batches, as other services and routes read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.storage.models import Attempt


@dataclass(frozen=True, slots=True)
class AttemptView:
    """An attempt to send a batch; ``ended_at`` and ``outcome`` are None until it has ended."""

    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    http_status: int | None
    vendor_request_id: str | None
    error: str | None


def view_attempt(attempt: Attempt) -> AttemptView:
    """Copy an attempt at a batch from its row."""
    return AttemptView(
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        outcome=attempt.outcome,
        http_status=attempt.http_status,
        vendor_request_id=attempt.vendor_request_id,
        error=attempt.error,
    )
