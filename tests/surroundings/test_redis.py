"""A Redis that is up but refuses commands: the queue says why, and the sweep does the work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from app.core.config import Settings
from app.queue import Queue, Task
from tests.flow import Flow
from tests.surroundings.servers import PASSWORD, Redis

USER = f"{{}}:{quote(PASSWORD, safe='')}"

# name: what makes it refuse, what undoes that, who connects, and what the queue says
STATES = {
    "full": (["CONFIG SET maxmemory 1"], ["CONFIG SET maxmemory 0"], "", "used memory > 'maxmemory'"),
    "read-only": (["REPLICAOF 127.0.0.1 1"], ["REPLICAOF NO ONE"], "", "read only replica"),
    "no replicas": (["CONFIG SET min-replicas-to-write 1"], ["CONFIG SET min-replicas-to-write 0"], "", "NOREPLICAS"),
    "forbidden command": ([], [], USER.format("limited"), "zrangebyscore"),
    "may only read": ([], [], USER.format("reader"), "psetex"),
    "wrong password": ([], [], "reader:wrong", "invalid username-password pair"),
    "no password": (["CONFIG SET requirepass secret"], ["-a secret CONFIG SET requirepass "], "", "Authentication required"),
    "no such database": ([], [], "/99", "DB index is out of range"),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
async def test_a_refusal_is_silence_with_a_reason_until_it_ends(
    refusing_redis: Redis, state: str
) -> None:
    before, after, who, said = STATES[state]
    url = f"redis://{who}@127.0.0.1:{refusing_redis.port}" if ":" in who else refusing_redis.url
    queue = Queue(url + (who if who.startswith("/") else ""))
    try:
        for command in before:
            refusing_redis.say(*command.split(" "))
        assert not await queue.ping()
        assert queue.refusal is not None
        assert said in queue.refusal
        assert "arq:job" not in queue.refusal, (
            "a reason that differs each time would be logged each time"
        )
        assert queue.silent_for().total_seconds() >= 0
    finally:
        for command in after:
            refusing_redis.say(*command.split(" "))
    if before:
        assert await queue.ping()
        assert queue.refusal is None
    await queue.close()


async def test_a_wake_up_does_not_end_a_refusal_of_another_command(refusing_redis: Redis) -> None:
    queue = Queue(f"redis://{USER.format('limited')}@127.0.0.1:{refusing_redis.port}")
    assert not await queue.ping()
    queue._last_unheard = None  # the queue waits a second after a failure
    assert await queue.ring(Task.PLAN, "id", job_id="plan:id")
    assert queue.refusal is not None
    refusing_redis.say("FLUSHALL")
    await queue.close()


class TestDelivery:
    pytestmark = pytest.mark.installation(worker=True)

    @pytest.fixture
    def settings(self, settings: Settings, refusing_redis: Redis) -> Iterator[Settings]:
        """The settings of the tests, with a Redis that is full; Redis may be silent for long."""
        refusing_redis.say("CONFIG", "SET", "maxmemory", "1")
        yield settings.model_copy(update={"redis_url": SecretStr(refusing_redis.url)})
        refusing_redis.say("CONFIG", "SET", "maxmemory", "0")

    @pytest.mark.walk
    async def test_with_a_full_redis_changes_are_delivered_within_seconds(self, flow: Flow) -> None:
        activation = await flow.activate()
        began = time.monotonic()
        await flow.members(range(3))
        await flow.quiet(activation)
        assert flow.received(activation) == {"p0", "p1", "p2"}
        assert time.monotonic() - began < 10
