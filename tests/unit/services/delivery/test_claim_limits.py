"""The limits of a claim: slots in all and per account, and what resyncs leave to other syncs."""

from __future__ import annotations

from app.core.config import Settings
from app.services.delivery.claim_limits import claim_limits, without_reserve
from app.services.platform import AccountConcurrency

SETTINGS = Settings(delivery_concurrency=8)  # 24 slots
FOUR = AccountConcurrency(4)  # 12 slots for an account


def test_an_empty_pump_claims_for_one_account_at_most() -> None:
    limits = claim_limits(SETTINGS, FOUR, [])
    assert limits is not None
    assert (limits.limit, limits.resyncs, limits.is_crowded) == (12, 18, False)


def test_nothing_is_claimed_while_more_than_half_of_the_slots_is_urgent() -> None:
    assert claim_limits(SETTINGS, FOUR, [("a", False, 1)] * 13) is None


def test_an_account_with_more_than_half_of_its_slots_is_busy() -> None:
    limits = claim_limits(SETTINGS, FOUR, [("a", False, 7), ("b", True, 5)])
    assert limits is not None
    assert (limits.busy, limits.filled) == (["a"], [])


def test_resyncs_keep_no_slot_from_other_syncs() -> None:
    limits = claim_limits(SETTINGS, FOUR, [("a", True, 1)] * 13)
    assert limits is not None
    assert (limits.limit, limits.resyncs, limits.filled) == (11, 0, ["a"])
    assert limits.is_crowded


def test_resyncs_leave_one_slot_in_four() -> None:
    assert [without_reserve(slots) for slots in (1, 4, 24)] == [1, 3, 18]
