"""Windows of rate budgets in Redis, which all processes share."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from app.connectors.base import RateBudget
from app.connectors.errors import BudgetSpent
from app.queue import Queue
from app.services.platform.platform import Platform
from app.services.platform.rate_budgets import Budgets
from tests.integration.services.platform.test_rate_budgets import MINUTE, Account, answer, told


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
            await asyncio.sleep(0.005)  # the order of calls is known to the millisecond
            await account.call()
        assert hear is not None
        await hear(answer(100, 10, 40))
        assert await account.how_many() == 6

    async def test_an_answer_that_was_overtaken_is_not_believed(self, account: Account) -> None:
        early = await account.call()
        await asyncio.sleep(0.01)
        await told(account, 100, 3, 40)
        assert early is not None
        await early(answer(100, 90, 40))
        assert await account.how_many() == 3

    async def test_a_lower_limit_holds_in_the_next_window_too(self, account: Account) -> None:
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
