"""Request limits: exact over two processes, correctly reported, and kept without Redis."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
import redis

from app.api.edge.rate_limits import DEFAULT, LIMITS, WRONG_TOKENS, RateLimiter
from app.core import clock
from app.core.config import Settings
from app.core.errors import RateLimited
from app.core.redis_client import RedisAway, RedisClient
from app.main import create_app
from app.services.platform.platform import Platform
from tests.contract.live import api_process
from tests.contract.test_every_operation import client_of
from tests.integration.api.conftest import Tenant, create_tenant
from tests.serving import listening


async def test_a_burst_over_two_processes_gets_exactly_the_limit(
    platform: Platform, settings: Settings
) -> None:
    """One of the two processes is that of the test: they share nothing but Redis."""
    tenant = await create_tenant(platform)
    path = f"/spaces/{tenant.space_id}/audiences"
    body = {"name": "Burst", "definition": {"query": ""}, "audienceType": "USERS"}
    with api_process(settings) as one:
        async with (
            listening(create_app(settings, platform=platform)) as other,
            httpx.AsyncClient(headers=tenant.headers, timeout=60) as client,
        ):
            # A first call, not counted below, so that both processes have connected to their servers.
            for url in (one, other):
                await client.get(f"{url}/spaces")
            answers = await asyncio.gather(
                *(client.post((one, other)[n % 2] + path, json=body) for n in range(80))
            )
    served = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(served), len(refused)) == (50, 30)
    assert sorted(int(a.headers["x-ratelimit-consumed"]) for a in served) == list(range(1, 51))
    assert sorted(int(a.headers["x-ratelimit-remaining"]) for a in served) == list(range(50))
    for answer in refused:
        data = answer.json()["errors"][0]["data"]
        assert data["remainingPoints"] == 0
        assert data["consumedPoints"] > 50
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert abs(int(answer.headers["retry-after"]) * 1000 - data["msBeforeNext"]) <= 1000
        assert answer.headers["content-type"] == "application/json"
    for answer in answers:
        ends = parsedate_to_datetime(answer.headers["x-ratelimit-reset"])
        assert 0 < (ends - clock.now()).total_seconds() <= 61
    found = await platform.hot.fetchval("SELECT count(*) FROM audience")
    assert found == 50


async def test_each_operation_has_its_own_number(platform: Platform, tenant: Tenant) -> None:
    application = create_app(platform.settings, platform=platform)
    async with application.router.lifespan_context(application), client_of(application) as client:
        client.headers.update(tenant.headers)
        for path, number in (
            ("/spaces", DEFAULT),
            (f"/spaces/{tenant.space_id}/audiences", LIMITS["listAudiences"]),
            (f"/spaces/{tenant.space_id}/audiences/x/activations/y", 60),
        ):
            answer = await client.get(path)
            assert int(answer.headers["x-ratelimit-remaining"]) == number - 1


async def test_wrong_tokens_are_limited_by_address(platform: Platform, tenant: Tenant) -> None:
    application = create_app(platform.settings, platform=platform)
    async with application.router.lifespan_context(application), client_of(application) as client:
        wrong = {"Authorization": "Bearer aact_live_wrong"}
        statuses = [(await client.get("/spaces", headers=wrong)).status_code for _ in range(100)]
        assert statuses == [401] * WRONG_TOKENS + [429] * (100 - WRONG_TOKENS)
        assert (await client.get("/spaces", headers=tenant.headers)).status_code == 200


class TestWithoutRedis:
    @pytest.mark.walk
    async def test_each_process_keeps_to_its_share(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        limiter = RateLimiter(
            settings.model_copy(update={"api_processes": 5}), f"unix://{tmp_path}/nobody.sock"
        )
        await limiter.open()
        for count in range(1, 11):
            standing = await limiter.admit("token", "createAudience")
            assert standing is not None
            assert (standing.consumed, standing.limit) == (count, 10)
        with pytest.raises(RateLimited):
            await limiter.admit("token", "createAudience")
        await limiter.close()

    async def test_a_frozen_redis_costs_a_few_milliseconds(self, tmp_path: Path) -> None:
        frozen = await asyncio.start_unix_server(_answer_the_greeting, tmp_path / "frozen.sock")
        client = RedisClient(f"unix://{tmp_path}/frozen.sock", budget=0.05)
        await client.open()
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(20):
            with pytest.raises(RedisAway):
                await client.command("PING")
        assert loop.time() - began < 1
        await client.close()
        frozen.close()

    async def test_a_busy_process_does_not_count_against_redis(self, tmp_path: Path) -> None:
        ended = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(100):
                await asyncio.sleep(0.02)
                writer.write(b"+PONG\r\n")
            writer.close()
            await writer.wait_closed()
            ended.set()

        slow = await asyncio.start_unix_server(answer, tmp_path / "slow.sock")
        client = RedisClient(f"unix://{tmp_path}/slow.sock", budget=0.05)
        await client.open()
        # The command is written when the process has time again, and then Redis has 50 ms to reply.
        asyncio.get_running_loop().call_soon(time.sleep, 0.06)
        assert await client.command("PING") == b"PONG"
        await client.close()
        await asyncio.wait_for(ended.wait(), 5)
        slow.close()

    async def test_comes_back_when_redis_does(self, settings: Settings, redis_url: str) -> None:
        limiter = RateLimiter(settings, redis_url)
        await limiter.open()
        await limiter.admit("token", "createAudience")
        with redis.Redis.from_url(redis_url) as connection:
            connection.client_kill_filter(_type="normal", skipme=True)
            standing = None
            for _ in range(100):
                standing = await limiter.admit("token", "createAudience")
                if connection.get("limit:token:createAudience") == b"2":
                    break
                await asyncio.sleep(0.02)
        assert standing is not None
        assert standing.consumed == 2
        await limiter.close()


async def _answer_the_greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"+PONG\r\n")
    await reader.read()
    writer.close()
