"""Rate budgets while Redis accepts commands and never replies, as behind a firewall that forgot the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from redis.asyncio import Redis

from app.connectors.base import RateBudget
from app.queue import Queue
from app.services.platform import rate_budgets
from app.services.platform.rate_budgets import Budgets, new_batch

BUDGET = RateBudget("all", 100, timedelta(minutes=1))


@pytest.fixture
async def budgets(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Budgets]:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()

    monkeypatch.setattr(rate_budgets, "REPLY", 0.2, raising=False)
    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    # The first commands of a connection would not be answered either; without them, the first one is the call's.
    redis = Redis(
        host="127.0.0.1", port=server.sockets[0].getsockname()[1], lib_name=None, lib_version=None
    )
    queue: Any = SimpleNamespace(pool=redis, silent_for=lambda: timedelta(0))
    yield Budgets(cast(Queue, queue), processes=1)
    await redis.aclose()
    server.close()


async def test_a_call_goes_on_by_the_budget_of_its_process(budgets: Budgets) -> None:
    new_batch()
    gate = budgets.gate("dst_1", [BUDGET], resync=False)
    async with asyncio.timeout(5):
        await gate(httpx.Request("POST", "https://partner.example/x"))


async def test_a_pause_counts_here(budgets: Budgets) -> None:
    async with asyncio.timeout(5):
        await budgets.pause("dst_1", timedelta(minutes=1))
    assert budgets._local.paused("dst_1") > 50


async def test_the_use_of_a_budget_is_unknown(budgets: Budgets) -> None:
    async with asyncio.timeout(5):
        found = await budgets.read({"dst_1": [BUDGET]})
    assert [one.used for one in found["dst_1"]] == [None]
