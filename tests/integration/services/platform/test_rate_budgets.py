"""Rate budgets of an account, which follow what the partner reports of its window."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.connectors.base import RateBudget
from app.connectors.errors import BudgetSpent
from app.connectors.http import Hear
from app.connectors.rate_headers import RateHeaders
from app.queue import Queue
from app.services.platform.budget_windows import SharedWindows
from app.services.platform.platform import Platform
from app.services.platform.rate_budgets import Budgets, new_batch

NAMES = RateHeaders("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "seconds_to_go")
MINUTE = timedelta(minutes=1)
# Slots are close, so that the limits that are reported decide; and the window is long, so that no call of a busy process is late.
TOLD = RateBudget("writes", 1_000, timedelta(seconds=5), "^POST ", NAMES)
SHORT = RateBudget("writes", 100, timedelta(seconds=0.5), "^POST ", NAMES)
FAR = RateBudget("writes", 100, timedelta(seconds=2), "^POST ", NAMES)  # 40 ms may be late
UNTOLD = RateBudget("reads", 100, MINUTE, "^GET ")


class Account:
    """Calls of one account, as far as the budget allows."""

    def __init__(self, budgets: Budgets, budget: RateBudget = TOLD) -> None:
        self._gates = {
            resync: budgets.gate("dst_1", [budget, UNTOLD], resync=resync)
            for resync in (False, True)
        }

    async def call(self, *, resync: bool = False, method: str = "POST") -> Hear | None:
        new_batch()
        return await self._gates[resync](httpx.Request(method, "https://partner.example/x"))

    async def passes(self, *, resync: bool = False, method: str = "POST") -> bool:
        try:
            await self.call(resync=resync, method=method)
        except BudgetSpent:
            return False
        return True

    async def how_many(self, *, resync: bool = False) -> int:
        """Count the calls that pass until one does not."""
        count = 0
        while count < 1_000 and await self.passes(resync=resync):
            count += 1
        return count


def answer(limit: object, remaining: object, reset: object) -> httpx.Response:
    headers = zip(
        (NAMES.limit, NAMES.remaining, NAMES.reset), (limit, remaining, reset), strict=True
    )
    return httpx.Response(200, headers=[(name, str(value)) for name, value in headers])


@pytest.fixture(params=["redis", "no redis"])
async def budgets(platform: Platform, request: pytest.FixtureRequest) -> Budgets:
    if request.param == "no redis":
        return Budgets(Queue(None), processes=1)
    assert await platform.queue.ping()
    return platform.budgets


@pytest.fixture
def account(budgets: Budgets) -> Account:
    return Account(budgets)


async def told(account: Account, limit: object, remaining: object, reset: object) -> None:
    """Make one call with these response headers."""
    hear = await account.call()
    assert hear is not None
    await hear(answer(limit, remaining, reset))


class TestToldWindow:
    async def test_no_call_before_the_reset_of_a_window_that_is_spent(
        self, account: Account
    ) -> None:
        await told(account, 100, 0, 40)
        with pytest.raises(BudgetSpent) as refused:
            await account.call()
        assert refused.value.retry_after is not None
        assert timedelta(seconds=39) < refused.value.retry_after <= timedelta(seconds=41)

    @pytest.mark.walk
    async def test_a_call_that_comes_a_little_early_waits_for_the_reset(
        self, account: Account
    ) -> None:
        await told(account, 100, 0, 0)
        began = time.monotonic()
        assert await account.passes()
        assert 0.5 < time.monotonic() - began < 2

    async def test_calls_that_somebody_else_made_are_missing_for_us(self, account: Account) -> None:
        await told(account, 100, 7, 40)
        assert await account.how_many() == 7

    async def test_resyncs_stop_while_something_is_left_for_exits(self, account: Account) -> None:
        await told(account, 100, 35, 40)
        assert await account.how_many(resync=True) == 5
        assert await account.how_many() == 30

    async def test_more_than_our_own_budget_is_not_taken(self, budgets: Budgets) -> None:
        account = Account(budgets, SHORT)
        await told(account, 10_000, 9_999, 40)
        began = time.monotonic()
        for _ in range(100):
            assert await account.passes()
        assert time.monotonic() - began >= 0.5

    async def test_other_paths_go_on(self, account: Account) -> None:
        await told(account, 100, 0, 40)
        assert await account.passes(method="GET")

    async def test_other_accounts_go_on(self, budgets: Budgets, account: Account) -> None:
        await told(account, 100, 0, 40)
        others = budgets.gate("dst_2", [TOLD], resync=False)
        assert await others(httpx.Request("POST", "https://partner.example/x")) is not None

    @pytest.mark.parametrize(
        "said", [("x", "y", "z"), ("100", "", "40"), ("100", "0", ""), ("100", "-1", "40")]
    )
    async def test_garbage_changes_nothing(
        self, account: Account, said: tuple[str, str, str]
    ) -> None:
        await told(account, *said)
        assert [await account.passes() for _ in range(10)] == [True] * 10

    async def test_who_tells_nothing_is_not_listened_to(self, account: Account) -> None:
        assert await account.call(method="GET") is None


async def test_a_call_that_is_late_asks_for_another_slot_once(
    budgets: Budgets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its slot is over: sent now, it would be one more in the window of those after it."""
    account, asked = Account(budgets, SHORT), 0

    async def reserve(*args: Any, **named: Any) -> Any:
        nonlocal asked
        asked += 1
        found = await reserve_now(*args, **named)
        time.sleep(0.05)  # noqa: ASYNC251  the process is busy with something else
        return found

    await account.call()
    reserve_now = budgets._reserve
    monkeypatch.setattr(Budgets, "_reserve", staticmethod(reserve))
    await account.call()
    assert asked == 2
    slow = Account(budgets, RateBudget("others", 100, MINUTE, "^POST ", NAMES))
    await slow.call()
    assert asked == 3


@pytest.mark.walk
async def test_calls_are_not_late_because_redis_is_far_away(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call comes as much later, so they keep their distances."""
    assert await platform.queue.ping()
    account, asked = Account(platform.budgets, FAR), 0
    take_now = SharedWindows.take

    async def take(*args: Any, **named: Any) -> Any:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.04)
        found = await take_now(*args, **named)
        await asyncio.sleep(0.04)
        return found

    monkeypatch.setattr(SharedWindows, "take", take)
    await account.call()
    assert asked == 2  # it is not known yet that replies take so long
    for _ in range(22):
        await account.call()
    asked = 0
    for _ in range(4):
        await account.call()
    assert asked == 4
    monkeypatch.setattr(SharedWindows, "take", take_now)
    begun = time.monotonic()
    await account.call()
    # A fast reply does not bring a call closer to the one before it.
    assert time.monotonic() - begun > 0.04


async def test_a_report_about_a_call_of_this_process_alone_is_not_shared(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number is one of this process, and says nothing about the calls of all."""
    assert await platform.queue.ping()
    assert [await Account(platform.budgets).passes() for _ in range(3)] == [True] * 3
    with monkeypatch.context() as patched:
        patched.setattr(Budgets, "_shared", lambda budgets: None)
        hear = await Account(platform.budgets).call()
    assert hear is not None
    await hear(answer(100, 1, 40))
    assert await Account(platform.budgets).passes()


async def test_a_short_pause_does_not_end_a_longer_one(budgets: Budgets) -> None:
    """Of two calls at once, one hears that the minute is used up, the other one that the second is."""
    # Another worker, which knows only what Redis has. Without Redis each worker has its own pauses.
    other = Budgets(budgets.queue, processes=1) if budgets.queue.pool is not None else budgets
    account = Account(other)
    await budgets.pause("dst_1", MINUTE)
    await budgets.pause("dst_1", timedelta(seconds=1))
    with pytest.raises(BudgetSpent) as refused:
        await account.call()
    assert refused.value.retry_after is not None
    assert refused.value.retry_after > timedelta(seconds=50)
