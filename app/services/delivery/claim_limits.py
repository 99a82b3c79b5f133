"""How many calls of which accounts a pump claims next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from app.core.config import Settings
from app.services.platform import AccountConcurrency

AHEAD = 3  # calls that are claimed for each call in flight
RESERVE = 4  # resyncs leave one slot in so many to other syncs


@dataclass(frozen=True, slots=True)
class ClaimLimits:
    """The limits of one claim: see ``BatchRepository.claim``."""

    is_crowded: bool  # more than half of the slots are taken, by resyncs
    limit: int
    busy: list[str]
    filled: list[str]
    resyncs: int


def claim_limits(
    settings: Settings,
    concurrency: AccountConcurrency,
    held: Iterable[tuple[str, bool, int]],
) -> ClaimLimits | None:
    """Return the limits of the next claim, or None if the pump has enough batches.

    ``held``: of each batch that the pump has, the account, whether it belongs to a resync, and its calls. Batches of resyncs
    do not keep the pump from claiming other ones.
    """
    resyncs, urgent = Counter[str](), Counter[str]()
    for account, is_resync, calls in held:
        (resyncs if is_resync else urgent)[account] += calls
    in_all = resyncs.total() + urgent.total()
    slots = settings.delivery_concurrency * AHEAD
    room = slots - in_all
    if room <= 0 or urgent.total() > slots // 2:
        return None
    is_crowded = in_all > slots // 2
    return ClaimLimits(
        is_crowded=is_crowded,
        limit=min(room, concurrency.start * AHEAD),
        busy=_over_half(urgent, concurrency),
        filled=_over_half(resyncs, concurrency),
        resyncs=0 if is_crowded else max(0, without_reserve(slots) - in_all),
    )


def _over_half(calls: Counter[str], concurrency: AccountConcurrency) -> list[str]:
    """Return the accounts that have more than half of the calls that are claimed for them."""
    return [one for one, count in calls.items() if count > concurrency.limit(one) * AHEAD // 2]


def without_reserve(slots: int) -> int:
    """Return how many of some slots resyncs may take."""
    return slots - slots // RESERVE
