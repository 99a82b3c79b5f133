"""The parts of a split in a sync or dry run, with their members, as several pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.console.visits import Visit
from app.domain.sync_states import SyncKind
from app.services import reports

MOST = 100_000  # members that are counted while a page is opened


def has_split(sync: Any) -> bool:
    """Return whether a plan divides the members of an audience by a split. A test send has one member only."""
    return bool((sync.spec or {}).get("arms")) and sync.kind != SyncKind.TEST


async def shown_arms(
    visit: Visit, audience_id: str, activation_id: str, sync: Any, *, most: int | None = MOST
) -> Sequence[reports.SplitArm]:
    """Return the parts of a planned sync's split with their members. Ends the transaction if there is a split.

    Returns none without a split, if there are more than ``most`` members, or if they are no longer known.
    """
    if not has_split(sync):
        return ()
    await visit.end_transaction()
    found = await reports.split_arms(
        visit.platform,
        space_id=visit.space_id,
        audience_id=audience_id,
        activation_id=activation_id,
        sync_id=sync.id,
        most=most,
    )
    return found or ()
