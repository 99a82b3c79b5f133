"""Reasons that are retried: which changes of an earlier sync, rejected for which reason, a sync sends once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.core.errors import Conflict, Invalid
from app.storage.models import Sync

#: ``{sync, reason}`` each: the changes that a sync had rejected for a reason.
Retried = Sequence[Mapping[str, Any]]


def all_retried(before: Retried | None, further: Retried) -> list[dict[str, Any]] | None:
    """Return ``[{sync, reason}]`` of what both name, each once; None without any."""
    found = [dict(one) for one in before or ()]
    found += [dict(one) for one in further if one not in found]
    return found or None


def retried_reason(sync: Sync, reason: str) -> dict[str, str]:
    """Return ``{sync, reason}``, if a sync has rejected changes for a reason, and they are still known.

    Raises Invalid, naming its reasons with their counts, and Conflict.
    """
    if sync.state.is_open:
        raise Conflict("The sync has not ended; retry a reason when it has.")
    counts = (sync.rejections or {}).get("counts") or {}
    if reason not in counts:
        known = ", ".join(f"{name} ({count:,})" for name, count in counts.items())
        words = f"it rejected for {known}" if counts else "it rejected nothing"
        raise Invalid(
            f'"reason": the sync rejected nothing for this reason; {words}.', field="reason"
        )
    if sync.outcome is None:
        raise Conflict(retry_gone(sync.number))
    return {"sync": sync.id, "reason": reason}


def retry_gone(number: int | None) -> str:
    """Return the message of a retry whose sync has no readable outcome any more, with the way out."""
    which = f"sync {number}" if number is not None else "the sync"
    return (
        f"What {which} had rejected for each reason is no longer kept. Retry without a reason: everything that the destination "
        "refused is then sent again."
    )
