"""The use of rate budgets, read from Redis."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.connectors.base import RateBudget
from app.queue import Queue
from app.services.platform.platform import Platform
from app.services.platform.rate_budgets import Budgets
from tests.integration.services.platform.test_rate_budgets import MINUTE, NAMES, Account, told


async def test_use_is_read_without_a_reservation(platform: Platform) -> None:
    assert await platform.queue.ping()
    budget = RateBudget("writes", 100, MINUTE, "^POST ", NAMES)
    account = Account(platform.budgets, budget)
    for _ in range(5):
        assert await account.passes()
    for _ in range(2):
        (use,) = (await platform.budgets.read({"dst_1": [budget]}))["dst_1"]
        assert (use.calls, use.window, use.used) == (100, MINUTE, 5)
        assert use.until is not None
        assert timedelta(seconds=30) < use.until - datetime.now(UTC) <= timedelta(seconds=125)
    await told(account, 100, 40, 20)
    (use,) = (await platform.budgets.read({"dst_1": [budget]}))["dst_1"]
    assert use.used == 60
    (other,) = (await platform.budgets.read({"dst_2": [budget]}))["dst_2"]
    assert (other.used, other.until) == (0, None)
    (silent,) = (await Budgets(Queue(None), 1).read({"dst_1": [budget]}))["dst_1"]
    assert (silent.used, silent.until) == (None, None)


@pytest.mark.walk
async def test_nothing_is_used_a_window_after_the_latest_call(platform: Platform) -> None:
    assert await platform.queue.ping()
    budget = RateBudget("writes", 100, timedelta(seconds=2), "^POST ", NAMES)
    account = Account(platform.budgets, budget)
    for _ in range(20):
        assert await account.passes()
    (use,) = (await platform.budgets.read({"dst_1": [budget]}))["dst_1"]
    assert use.used
    assert use.until is not None
    await asyncio.sleep((use.until - datetime.now(UTC)).total_seconds() + 0.05)
    (use,) = (await platform.budgets.read({"dst_1": [budget]}))["dst_1"]
    assert (use.used, use.until) == (0, None)
