"""Attempts at batches, in the form of the wire."""

from __future__ import annotations

from typing import Any

from app.core.clock import to_wire
from app.storage.models import Attempt


def shown_attempt(attempt: Attempt) -> dict[str, Any]:
    """Build ``{startedAt, endedAt, outcome, httpStatus, vendorRequestId, error}`` of an attempt at a batch."""
    return {
        "startedAt": to_wire(attempt.started_at),
        "endedAt": to_wire(attempt.ended_at) if attempt.ended_at else None,
        "outcome": attempt.outcome,
        "httpStatus": attempt.http_status,
        "vendorRequestId": attempt.vendor_request_id,
        "error": attempt.error,
    }
