"""Rate budgets in Redis, which all processes share."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import timedelta

import pytest

from app.connectors.base import RateBudget
from app.connectors.errors import BudgetSpent
from app.queue import Queue
from app.services.platform.budget_windows import Allowance, SharedWindows, budget_key
from app.services.platform.platform import Platform
from app.services.platform.rate_budgets import Budgets, new_batch
from app.services.platform.virtual_clocks import MICRO, Clocks
from tests.integration.services.platform.test_rate_budgets import (
    MINUTE,
    NAMES,
    Account,
    answer,
    told,
)


class TestShared:
    @pytest.fixture
    async def account(self, platform: Platform) -> Account:
        assert await platform.queue.ping()
        return Account(platform.budgets)

    async def test_calls_under_way_count_although_the_answer_does_not_know_of_them(
        self, account: Account
    ) -> None:
        hear = await account.call()
        for _ in range(4):
            await account.call()
        assert hear is not None
        await hear(answer(100, 10, 40))
        assert await account.how_many() == 6

    async def test_an_answer_that_was_overtaken_is_not_believed(self, account: Account) -> None:
        early = await account.call()
        await told(account, 100, 3, 40)
        assert early is not None
        await early(answer(100, 90, 40))
        assert await account.how_many() == 3

    @pytest.mark.walk
    async def test_a_lower_limit_holds_in_the_next_window_too(self, platform: Platform) -> None:
        assert await platform.queue.ping()
        account = Account(platform.budgets, RateBudget("writes", 100, MINUTE, "^POST ", NAMES))
        await told(account, 5, 0, 0)
        await asyncio.sleep(1.1)
        assert await account.how_many() == 5

    async def test_other_processes_know_of_it(self, platform: Platform, account: Account) -> None:
        await told(account, 100, 0, 40)
        assert platform.settings.redis_url is not None
        queue = Queue(platform.settings.redis_url.get_secret_value())
        try:
            assert await queue.ping()
            assert not await Account(Budgets(queue, 1)).passes()
        finally:
            await queue.close()


async def test_a_budget_whose_partner_tells_nothing_makes_no_more_of_redis(
    platform: Platform,
) -> None:
    assert await platform.queue.ping()
    redis = platform.queue.pool
    assert redis is not None

    async def commands() -> int:
        found: int = (await redis.info("commandstats")).get("cmdstat_eval", {}).get("calls", 0)
        return found

    untold = Account(platform.budgets, RateBudget("writes", 100, MINUTE, "^POST "))
    before = await commands()
    with suppress(BudgetSpent):
        assert await untold.call() is None
    assert await commands() - before == 1


START = 1_800_000_000 * MICRO


async def windows_of(platform: Platform) -> SharedWindows:
    assert await platform.queue.ping()
    assert platform.queue.pool is not None
    return SharedWindows(platform.queue.pool, now=START)


async def test_the_script_and_the_clocks_agree(platform: Platform) -> None:
    windows = await windows_of(platform)
    chance = random.Random(7)
    allowances = [Allowance("second", 10, 1.0, None), Allowance("minute", 150, 60.0, None)]
    clocks = [Clocks(), Clocks()]
    for _ in range(400):
        assert windows.now is not None
        windows.now += chance.choice((0, 0, 1, 99_999, 400_000, 5_000_000, 70_000_000))
        bulk, ahead = chance.random() < 0.3, chance.choice((0.0, 0.5, 90.0))
        used = allowances if chance.random() < 0.7 else allowances[:1]
        pairs = list(zip(used, clocks, strict=False))
        slot = max(one.slot(rule.pace, windows.now, bulk=bulk) for rule, one in pairs)
        grant = await windows.take("dst_1", used, ahead=ahead, bulk=bulk)
        assert round(grant.wait * MICRO) == slot - windows.now
        assert grant.is_reserved == (slot - windows.now <= ahead * MICRO)
        if grant.is_reserved:
            for rule, one in pairs:
                one.reserve(rule.pace, slot, bulk=bulk)


async def test_a_clock_that_is_set_back_delays_no_call_for_long(platform: Platform) -> None:
    windows = await windows_of(platform)
    allowances = [Allowance("second", 10, 1.0, None)]
    for _ in range(20):
        assert (await windows.take("dst_1", allowances, ahead=90, bulk=False)).is_reserved
    windows.now = START - 3_600 * MICRO
    assert (await windows.take("dst_1", allowances, ahead=90, bulk=False)).wait <= 1.2


async def test_keys_of_the_former_version_are_left_alone(platform: Platform) -> None:
    windows = await windows_of(platform)
    redis = windows.redis
    await redis.zadd("budget:dst_1:writes", {"call_1": 1.0})
    await redis.set("budget:dst_1:writes:told", "3")
    assert await Account(platform.budgets).passes()
    assert await redis.zcard("budget:dst_1:writes") == 1
    assert budget_key("dst_1", "writes") not in {"budget:dst_1:writes", "budget:dst_1:writes:told"}


@pytest.mark.walk
async def test_several_processes_share_slots_and_none_starves(platform: Platform) -> None:
    """Three processes with eight callers each: slots come evenly, in the order of asking."""
    assert platform.settings.redis_url is not None
    url = platform.settings.redis_url.get_secret_value()
    budget = RateBudget("writes", 50, timedelta(seconds=0.5), "^POST ")
    queues = [Queue(url) for _ in range(3)]
    end = asyncio.get_running_loop().time() + 1.5
    try:
        assert all([await queue.ping() for queue in queues])
        accounts = [Account(Budgets(queue, 1), budget) for queue in queues]

        async def caller(account: Account) -> int:
            new_batch()
            count = 0
            while asyncio.get_running_loop().time() < end:
                await account.call()
                count += 1
            return count

        tasks = [asyncio.create_task(caller(one)) for one in accounts for _ in range(8)]
        counts = await asyncio.gather(*tasks)
    finally:
        for queue in queues:
            await queue.close()
    assert min(counts) >= 3
    assert sum(counts) <= 4 * 50
